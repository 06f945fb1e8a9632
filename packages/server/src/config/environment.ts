import { goQuote } from "@kvorum/base";
import { type FlagValues, parseFlagValue } from "./flag-value.js";
import { type Flag, type FlagName, flagNamed, flags } from "./flags.js";
import type { Notice } from "./notice.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface EnvironmentResult {
  readonly notices: readonly Notice[];
  /** Set when the node must not start. */
  readonly error?:
    | { readonly kind: "value"; readonly message: string }
    | { readonly kind: "shadowed" };
}

const SHADOWED =
  "conflicting environment variable is shadowed by corresponding command-line flag " +
  "(either unset environment variable or disable flag))";

/** ETCD_LISTEN_CLIENT_URLS for listen-client-urls. */
export function environmentName(flagName: string): string {
  return `ETCD_${suffix(flagName)}`;
}

/** The names a flag answers to, the strongest first. */
function environmentNames(flag: Flag): readonly string[] {
  const name = environmentName(flag.name);
  return flag.section === "Kvorum" ? [`KVORUM_${suffix(flag.name)}`, name] : [name];
}

function suffix(flagName: string): string {
  return flagName.toUpperCase().replaceAll("-", "_");
}

/**
 * Fills in `values` what the command line left open. An empty variable counts as unset, except that
 * it still collides with its flag. As in etcd, all variables are looked at, and the last bad value
 * in the order of the flag names is the one reported.
 */
export function applyEnvironment(values: FlagValues, env: Environment): EnvironmentResult {
  const notices: Notice[] = [];
  if (env.ETCD_VERSION) {
    const fields = { key: "ETCD_VERSION", value: env.ETCD_VERSION };
    notices.push({ level: "warn", message: "cannot set special environment variable", fields });
  }
  const fromArguments = new Set<string>(values.givenNames().flatMap(namesOf));
  const used = new Set<string>();
  let problem: string | undefined;
  const sorted = [...flags].sort((left, right) => (left.name < right.name ? -1 : 1));
  for (const flag of sorted) {
    if (flag.name === "version" || flag.fileOnly || values.isGiven(flag.name)) continue;
    const names = environmentNames(flag).filter((name) => env[name]);
    for (const name of names) used.add(name);
    const name = names[0];
    if (name === undefined) continue;
    problem = setFromEnvironment(values, flag, name, env[name]!, notices) ?? problem;
  }
  const shadowed = checkNames(env, { used, fromArguments, notices });
  if (shadowed) return { notices, error: { kind: "shadowed" } };
  if (problem !== undefined) return { notices, error: { kind: "value", message: problem } };
  return { notices };
}

function namesOf(name: FlagName): readonly string[] {
  return environmentNames(flagNamed(name));
}

function setFromEnvironment(
  values: FlagValues,
  flag: Flag<FlagName>,
  name: string,
  text: string,
  notices: Notice[],
): string | undefined {
  const parsed = parseFlagValue(flag, text);
  const shown = flag.secret ? "(hidden)" : text;
  if (parsed.kind === "error") {
    return `invalid value ${goQuote(shown)} for ${name}: ${parsed.message}`;
  }
  values.set(flag.name, parsed.value);
  notices.push({
    level: "info",
    message: "recognized and used environment variable",
    fields: { "variable-name": name, "variable-value": shown },
  });
  return undefined;
}

function checkNames(
  env: Environment,
  state: {
    readonly used: ReadonlySet<string>;
    readonly fromArguments: ReadonlySet<string>;
    readonly notices: Notice[];
  },
): boolean {
  for (const name of Object.keys(env)) {
    if (env[name] === undefined || state.used.has(name) || name === "ETCD_VERSION") continue;
    if (state.fromArguments.has(name)) {
      const fields = { "environment-variable": name };
      state.notices.push({ level: "fatal", message: SHADOWED, fields });
      return true;
    }
    if (!name.startsWith("ETCD_")) continue;
    // etcd prints the value too; a mistyped name may hold a password, so only the name is shown.
    state.notices.push({
      level: "warn",
      message: "unrecognized environment variable",
      fields: { "environment-variable": name },
    });
  }
  return false;
}
