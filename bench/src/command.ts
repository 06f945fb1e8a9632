import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ENGINE_NAMES } from "@kvorum/backends";
import { SingleBar } from "cli-progress";
import { BenchError } from "./bench-error.js";
import { runComparison } from "./compare/run-comparison.js";
import { etcdTarget, findEtcd, kvorumTarget, type Target } from "./compare/target.js";
import { checkLoadOptions, DEFAULT_LOAD, type LoadOptions } from "./load/load-options.js";
import { renderTable } from "./report/table.js";
import { findWorkloads, WORKLOADS } from "./workloads/catalogue.js";
import { fill } from "./workloads/kv-workloads.js";

const FLAGS = {
  etcd: { type: "string" },
  "no-etcd": { type: "boolean" },
  engines: { type: "string" },
  workloads: { type: "string" },
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
  endpoint: { type: "string", multiple: true },
  json: { type: "string" },
  "scratch-dir": { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

type Flags = ReturnType<typeof parseFlags>;

/** Runs what the command line asks for; returns the exit code. @throws BenchError */
export async function runCommand(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args);
  const workloads = findWorkloads(
    flags.workloads?.split(",") ?? WORKLOADS.map((workload) => workload.name),
  );
  const load = loadOptions(flags);
  if (flags.endpoint !== undefined) {
    for (const workload of workloads) {
      if (workload.needsFill) await fill({ ...load, endpoints: flags.endpoint });
      const result = await workload.run({
        load: checkLoadOptions({ ...load, endpoints: flags.endpoint }),
        server: undefined,
      });
      const { histogram: _histogram, timeline: _timeline, curve: _curve, ...shown } = result;
      console.log(workload.name, shown);
    }
    return 0;
  }
  checkLoadOptions({ ...load, endpoints: ["127.0.0.1:0"] });
  const bar = new SingleBar({ format: "{bar} {value}/{total} {step}", stopOnComplete: true });
  const isTerminal = process.stderr.isTTY;
  const comparison = await runComparison({
    targets: targetsOf(flags),
    workloads,
    rounds: Number(flags.rounds ?? 3),
    load,
    scratchDir: flags["scratch-dir"],
    onStep(step, done, total) {
      if (!isTerminal) return;
      if (done === 0) bar.start(total, 0, { step });
      else bar.update(done, { step });
    },
  });
  console.log(renderTable(comparison));
  for (const { workload, target, reason } of comparison.failures) {
    console.log(`${target}: ${workload} failed: ${reason}`);
  }
  for (const run of comparison.runs) {
    for (const [what, times] of Object.entries(run.result.errors)) {
      console.log(`${run.target}: ${run.workload}: ${what} (${times} times)`);
    }
  }
  if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(comparison));
  return 0;
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values;
  } catch (error) {
    throw new BenchError("USAGE", error instanceof Error ? error.message : String(error));
  }
}

function targetsOf(flags: Flags): Target[] {
  const engines = flags.engines?.split(",") ?? ENGINE_NAMES;
  const etcd = flags["no-etcd"] ? undefined : findEtcd(flags.etcd);
  return [
    ...(etcd === undefined ? [] : [etcdTarget(etcd)]),
    ...engines.map((engine) => kvorumTarget(engine)),
  ];
}

function loadOptions(flags: Flags): Omit<LoadOptions, "endpoints"> {
  const number = (text: string | undefined, fallback: number): number =>
    text === undefined ? fallback : Number(text);
  return {
    tls: undefined,
    connections: number(flags.connections, DEFAULT_LOAD.connections),
    streams: number(flags.streams, DEFAULT_LOAD.streams),
    ratePerSecond: flags.rate === undefined ? undefined : Number(flags.rate),
    warmupSeconds: number(flags.warmup, DEFAULT_LOAD.warmupSeconds),
    seconds: number(flags.seconds, DEFAULT_LOAD.seconds),
    keyCount: number(flags.keys, DEFAULT_LOAD.keyCount),
    keyBytes: number(flags["key-size"], DEFAULT_LOAD.keyBytes),
    valueBytes: number(flags["value-size"], DEFAULT_LOAD.valueBytes),
    entropy: number(flags.entropy, DEFAULT_LOAD.entropy),
    isSequential: flags.sequential ?? DEFAULT_LOAD.isSequential,
    seed: number(flags.seed, DEFAULT_LOAD.seed),
  };
}
