import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import { fill } from "../workloads/kv-workloads.js";
import { runWorkload } from "../workloads/run-workload.js";
import type { Workload } from "../workloads/workload.js";
import { directoryBytes, type ProcessUsage, processUsage } from "./process-usage.js";
import type { Comparison, FailedRun, RunRecord } from "./run-record.js";
import { controlOf, type Host } from "./server-control.js";
import { startServer } from "./server-process.js";
import type { Target } from "./target.js";

export interface ComparisonOptions {
  readonly targets: readonly Target[];
  readonly workloads: readonly Workload[];
  readonly rounds: number;
  /** The endpoints are filled in. */
  readonly load: Omit<LoadOptions, "endpoints">;
  /** Where the servers keep their data; removed afterwards. */
  readonly scratchDir?: string | undefined;
  /** Told before each step. */
  readonly onStep: (step: string, done: number, total: number) => void;
}

/**
 * Compares servers on this machine. In each round every target gets a fresh data directory and is
 * filled; then each workload runs on one target after the other (A B C, in the next round B C A),
 * so that whatever else the machine does meets all of them alike.
 */
export async function runComparison(options: ComparisonOptions): Promise<Comparison> {
  const directory = mkdtempSync(join(options.scratchDir ?? tmpdir(), "kvorum-bench-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // A run that is interrupted leaves nothing behind either; the servers have been ended by then.
  process.once("exit", remove);
  const runs: RunRecord[] = [];
  const failures: FailedRun[] = [];
  const perRound = options.targets.length * (options.workloads.length + 1);
  let done = 0;
  const step = (what: string): void => options.onStep(what, done++, perRound * options.rounds);
  try {
    for (let round = 0; round < options.rounds; round++) {
      await runRound(options, {
        round,
        directory: join(directory, String(round)),
        runs,
        failures,
        step,
      });
    }
    step("done");
  } finally {
    process.off("exit", remove);
    remove();
  }
  return {
    startedAt: new Date(nodeClock.wallMs()).toISOString(),
    machine: describeMachine(),
    options: describeLoad(options),
    targets: options.targets.map(({ name, isReference }) => ({ name, isReference })),
    workloads: options.workloads.map(({ name, title }) => ({ name, title })),
    runs,
    failures,
  };
}

interface Round {
  readonly round: number;
  readonly directory: string;
  readonly runs: RunRecord[];
  readonly failures: FailedRun[];
  readonly step: (what: string) => void;
}

async function runRound(options: ComparisonOptions, round: Round): Promise<void> {
  const first = round.round % options.targets.length;
  const targets = [...options.targets.slice(first), ...options.targets.slice(0, first)];
  mkdirSync(round.directory, { recursive: true });
  const hosts: Host[] = [];
  try {
    for (const target of targets) {
      round.step(`${target.name}: start and fill`);
      const dataDir = join(round.directory, target.name.replace(/\W/g, "-"));
      const host = { target, process: await startServer(target, { dataDir }) };
      hosts.push(host);
      if (options.workloads.some((workload) => workload.needsFill)) {
        const filled = await fill(loadOf(options, host));
        failOnErrors(target, filled);
      }
    }
    for (const workload of options.workloads) {
      for (const host of hosts) {
        round.step(`${host.target.name}: ${workload.name}`);
        await runOne(options, workload, host, round);
      }
    }
  } finally {
    for (const host of hosts) await host.process.stop();
    rmSync(round.directory, { recursive: true, force: true });
  }
}

function loadOf(options: ComparisonOptions, host: Host): LoadOptions {
  return { ...options.load, endpoints: [host.process.endpoint] };
}

async function runOne(
  options: ComparisonOptions,
  workload: Workload,
  host: Host,
  round: Round,
): Promise<void> {
  if (workload.needsControl && !host.target.isPersistent) return;
  const load = loadOf(options, host);
  const { pid } = host.process;
  const before = processUsage(pid);
  const ownBefore = process.cpuUsage();
  const names = { workload: workload.name, target: host.target.name, round: round.round };
  let result: LoadResult;
  try {
    result = await runWorkload(workload, { load, server: controlOf(host) });
  } catch (error) {
    if (!(error instanceof BenchError) || error.code === "USAGE") throw error;
    round.failures.push({ ...names, reason: error.message });
    return;
  }
  // A restarted server is another process, whose figures begin at zero.
  const isSame = pid === host.process.pid;
  const after = processUsage(host.process.pid);
  const own = process.cpuUsage(ownBefore);
  round.runs.push({
    ...names,
    result,
    cpuSeconds: isSame ? difference(after.cpuSeconds, before.cpuSeconds) : undefined,
    rssBytes: after.rssBytes,
    generatorCpuSeconds: (own.user + own.system) / 1e6,
    writeAmplification: amplification(after, before, result.writes * recordBytes(load)),
    diskBytes: directoryBytes(host.process.dataDir),
  });
}

function failOnErrors(target: Target, filled: LoadResult): void {
  const [what, times] = Object.entries(filled.errors)[0] ?? [];
  if (what === undefined) return;
  throw new BenchError("CHECK", `${target.name} could not be filled: ${what} (${times} times)`);
}

function difference(after: number | undefined, before: number | undefined): number | undefined {
  return after === undefined || before === undefined ? undefined : Math.max(0, after - before);
}

function recordBytes({ keyBytes, valueBytes }: LoadOptions): number {
  return keyBytes + valueBytes;
}

function amplification(
  after: ProcessUsage,
  before: ProcessUsage,
  userBytes: number,
): number | undefined {
  const written = difference(after.writtenBytes, before.writtenBytes);
  return written === undefined || userBytes === 0 ? undefined : written / userBytes;
}

function describeMachine(): Record<string, string> {
  const processors = cpus();
  return {
    processor: `${processors.length} x ${processors[0]?.model.trim() ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()}`,
    node: process.version,
  };
}

function describeLoad({ load, rounds }: ComparisonOptions): Record<string, string | number> {
  return {
    rounds,
    secondsPerRun: load.seconds,
    connections: load.connections,
    streamsPerConnection: load.streams,
    generatorProcesses: load.processes,
    loop: load.ratePerSecond === undefined ? "closed" : `open, ${load.ratePerSecond}/s`,
    keys: load.keyCount,
    keyBytes: load.keyBytes,
    valueBytes: load.valueBytes,
    incompressibleShare: load.entropy,
    seed: load.seed,
  };
}
