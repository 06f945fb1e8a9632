import { parseArgs } from "node:util";
import { BenchError } from "../bench-error.js";

/** What `npm run bench -- VERB` can do. */
export const VERBS = [
  "compare",
  "growth",
  "large",
  "load",
  "micro",
  "guard",
  "page",
  "readme",
] as const;
export type Verb = (typeof VERBS)[number];

/** Those that start servers and report. */
const STARTING = ["compare", "growth", "large"] as const;

interface Flag {
  readonly type: "string" | "boolean";
  readonly multiple?: true;
  readonly short?: string;
  /** Where the flag means something; given elsewhere it is an error. */
  readonly verbs: readonly Verb[];
}

const FLAGS = {
  etcd: { type: "string", verbs: [...STARTING, "guard"] },
  "no-etcd": { type: "boolean", verbs: STARTING },
  engines: { type: "string", verbs: [...STARTING, "guard", "micro"] },
  members: { type: "string", verbs: ["compare"] },
  workloads: { type: "string", verbs: ["compare", "load", "guard"] },
  quick: { type: "boolean", verbs: ["compare", "load"] },
  rounds: { type: "string", verbs: STARTING },
  seconds: { type: "string", verbs: [...STARTING, "load"] },
  warmup: { type: "string", verbs: [...STARTING, "load"] },
  connections: { type: "string", verbs: [...STARTING, "load"] },
  streams: { type: "string", verbs: [...STARTING, "load"] },
  rate: { type: "string", verbs: ["compare", "large", "load"] },
  keys: { type: "string", verbs: [...STARTING, "load"] },
  "key-size": { type: "string", verbs: [...STARTING, "load"] },
  "value-size": { type: "string", verbs: [...STARTING, "load"] },
  entropy: { type: "string", verbs: [...STARTING, "load"] },
  sequential: { type: "boolean", verbs: ["compare", "load"] },
  seed: { type: "string", verbs: [...STARTING, "load"] },
  processes: { type: "string", verbs: [...STARTING, "load", "guard"] },
  endpoint: { type: "string", multiple: true, verbs: ["load"] },
  "no-fill": { type: "boolean", verbs: ["load"] },
  tls: { type: "boolean", verbs: [...STARTING, "load"] },
  cacert: { type: "string", verbs: ["load"] },
  cert: { type: "string", verbs: ["load"] },
  key: { type: "string", verbs: ["load"] },
  "insecure-skip-tls-verify": { type: "boolean", verbs: ["load"] },
  json: { type: "string", verbs: [...STARTING, "load"] },
  html: { type: "string", verbs: [...STARTING, "page"] },
  "scratch-dir": { type: "string", verbs: [...STARTING, "guard"] },
  guard: { type: "boolean", verbs: ["guard", "compare"] },
  update: { type: "boolean", verbs: ["guard"] },
  stages: { type: "string", verbs: ["micro"] },
  from: { type: "string", multiple: true, verbs: ["readme", "page"] },
  file: { type: "string", verbs: ["readme"] },
  help: { type: "boolean", short: "h", verbs: VERBS },
} as const satisfies Record<string, Flag>;

export type Flags = ReturnType<typeof parse>["values"];

export interface CommandLine {
  readonly verb: Verb;
  readonly flags: Flags;
  /** As it may be typed again. */
  readonly text: string;
}

/** @throws BenchError "USAGE" */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values: flags, positionals } = parse(args);
  const [named, ...rest] = positionals;
  const verb = VERBS.find((known) => known === (named ?? (flags.guard ? "guard" : "compare")));
  if (verb === undefined) {
    throw new BenchError("USAGE", `${named} is no command; there are: ${VERBS.join(", ")}\n${SEE}`);
  }
  if (rest.length > 0) {
    throw new BenchError("USAGE", `${rest.join(" ")}: only one command can be given\n${SEE}`);
  }
  for (const name of Object.keys(flags) as (keyof typeof FLAGS)[]) {
    const { verbs }: Flag = FLAGS[name];
    if (verbs.includes(verb)) continue;
    const where = verbs.join(", ");
    throw new BenchError("USAGE", `--${name} means nothing to ${verb}, only to ${where}\n${SEE}`);
  }
  const shown = args.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)));
  return { verb, flags, text: ["npm run bench --", ...shown].join(" ") };
}

const SEE = "npm run bench -- --help tells all commands, and COMMAND --help its flags";

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: true });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    // Node's advice on dashes in positional arguments leads nowhere here.
    throw new BenchError("USAGE", `${text.replace(/\. To specify a positional.*$/s, "")}\n${SEE}`);
  }
}
