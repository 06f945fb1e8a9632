import { cpus, release, totalmem } from "node:os";
import type { ComparisonOptions, Session } from "./comparison-session.js";
import type { ReportedTarget } from "./run-record.js";
import { versionOf } from "./target.js";

/** The machine as a reader must know it. */
export function describeMachine(): Record<string, string> {
  const processors = cpus();
  return {
    processor: `${processors.length} x ${processors[0]?.model.trim() ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()}`,
    node: process.version,
  };
}

export function describeLoad(options: ComparisonOptions): Record<string, string | number> {
  const { load, rounds, isSecure, settings } = options;
  return {
    rounds,
    members: settings.map((setting) => setting.members).join(" and "),
    transport: isSecure ? "TLS" : "plain text",
    secondsPerRun: load.seconds,
    warmupSeconds: load.warmupSeconds,
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

export function describeTargets({ options, commandLines }: Session): Promise<ReportedTarget[]> {
  return Promise.all(
    options.targets.map(async (target) => ({
      name: target.name,
      isReference: target.isReference,
      version: await versionOf(target),
      commandLines: [...(commandLines.get(target.name)?.values() ?? [])],
    })),
  );
}
