import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ENGINE_NAMES } from "@kvorum/backends";
import { BenchError } from "./bench-error.js";
import { etcdTarget, findEtcd, kvorumTarget, type Target } from "./compare/target.js";
import { DEFAULT_LOAD, type LoadOptions } from "./load/load-options.js";
import type { TlsOptions } from "./wire/transport.js";

const FLAGS = {
  etcd: { type: "string" },
  "no-etcd": { type: "boolean" },
  engines: { type: "string" },
  workloads: { type: "string" },
  quick: { type: "boolean" },
  rounds: { type: "string" },
  seconds: { type: "string" },
  warmup: { type: "string" },
  connections: { type: "string" },
  streams: { type: "string" },
  rate: { type: "string" },
  keys: { type: "string" },
  "key-size": { type: "string" },
  "value-size": { type: "string" },
  entropy: { type: "string" },
  sequential: { type: "boolean" },
  seed: { type: "string" },
  processes: { type: "string" },
  endpoint: { type: "string", multiple: true },
  "no-fill": { type: "boolean" },
  tls: { type: "boolean" },
  cacert: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
  "insecure-skip-tls-verify": { type: "boolean" },
  json: { type: "string" },
  html: { type: "string" },
  "scratch-dir": { type: "string" },
  guard: { type: "boolean" },
  update: { type: "boolean" },
  stages: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

export type Flags = ReturnType<typeof parseFlags>["values"];

export const HELP = `Usage: npm run bench -- [compare|load|micro|guard] [flags]

  compare   starts servers, runs workloads on them in turn, reports (the default)
  load      runs workloads against --endpoint
  micro     benches of single stages, without a server
  guard     a short comparison held against bench/guard.json; --update writes it
            (also as --guard)

Servers
  --engines LIST      engines or modules of engines (default ${ENGINE_NAMES.join(",")})
  --etcd PATH         an etcd to compare with (default: one on PATH); --no-etcd for none
  --scratch-dir DIR   where the servers keep their data (default: the system's)
  --endpoint HOST:PORT   (load) a server that runs already; may be repeated
  --no-fill           (load) the keys are there
  --tls, --cacert, --cert, --key, --insecure-skip-tls-verify   (load)

Load
  --workloads LIST    which ones (default: all); a wrong name lists them
  --quick             few workloads, short runs, one round: under two minutes
  --rounds N          (default 3)          --seconds S, --warmup S   a run (default 3, 0.5)
  --connections N     (default 20)         --streams N    calls at a time on each (default 50)
  --rate N            calls a second of an open loop (default: closed loop)
  --keys N            (default 100000)     --key-size, --value-size BYTES   (default 16, 256)
  --entropy X         share of a value that can't be compressed (default 1)
  --sequential        keys in order        --seed N
  --processes N       generator processes (default 1)
  --stages LIST       (micro) which stages

Report
  --json FILE         everything measured (default bench-report.json)
  --html FILE         one page with plots (default bench-report.html)`;

/** @throws BenchError "USAGE" */
export function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true, allowPositionals: true });
  } catch (error) {
    throw new BenchError("USAGE", error instanceof Error ? error.message : String(error));
  }
}

export async function targetsOf(flags: Flags): Promise<Target[]> {
  const engines = flags.engines?.split(",") ?? ENGINE_NAMES;
  const etcd = flags["no-etcd"] ? undefined : findEtcd(flags.etcd);
  return [
    ...(etcd === undefined ? [] : [etcdTarget(etcd)]),
    ...(await Promise.all(engines.map(kvorumTarget))),
  ];
}

/** So short that all of a quick comparison ends within two minutes. */
const QUICK_LOAD = { ...DEFAULT_LOAD, warmupSeconds: 0.3, seconds: 0.7, keyCount: 10_000 };

export function loadOptions(flags: Flags): Omit<LoadOptions, "endpoints"> {
  const base = flags.quick ? QUICK_LOAD : DEFAULT_LOAD;
  return {
    tls: tlsOptions(flags),
    connections: numberOf("connections", flags.connections, base.connections),
    streams: numberOf("streams", flags.streams, base.streams),
    ratePerSecond: flags.rate === undefined ? undefined : numberOf("rate", flags.rate, 0),
    warmupSeconds: numberOf("warmup", flags.warmup, base.warmupSeconds),
    seconds: numberOf("seconds", flags.seconds, base.seconds),
    keyCount: numberOf("keys", flags.keys, base.keyCount),
    keyBytes: numberOf("key-size", flags["key-size"], base.keyBytes),
    valueBytes: numberOf("value-size", flags["value-size"], base.valueBytes),
    entropy: numberOf("entropy", flags.entropy, base.entropy),
    isSequential: flags.sequential ?? base.isSequential,
    seed: numberOf("seed", flags.seed, base.seed),
    processes: numberOf("processes", flags.processes, base.processes),
  };
}

/** @throws BenchError "USAGE" */
export function numberOf(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) {
    throw new BenchError("USAGE", `--${name} ${JSON.stringify(text)} is no number`);
  }
  return value;
}

function tlsOptions(flags: Flags): TlsOptions | undefined {
  const { cacert, cert, key } = flags;
  const skipVerify = flags["insecure-skip-tls-verify"] ?? false;
  if (!flags.tls && !skipVerify && cacert === undefined && cert === undefined) return undefined;
  const read = (path: string | undefined): Buffer | undefined =>
    path === undefined ? undefined : readFileSync(path);
  return { ca: read(cacert), cert: read(cert), key: read(key), skipVerify };
}
