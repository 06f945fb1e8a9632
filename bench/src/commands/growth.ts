import { growthSetting, growthStages, runGrowth } from "../compare/run-growth.js";
import { findWorkloads } from "../workloads/catalogue.js";
import { checkLoad, QUOTA_ARGS, report, withProgress } from "./compare.js";
import { loadOptions, numberOf, numbersOf, roundsOf, targetsOf } from "./flag-values.js";
import type { CommandLine } from "./flags.js";

const KEYS = [10_000, 100_000, 1_000_000];
const CONNECTIONS = [1, 10, 100, 1000];
const WORKLOADS = ["put", "range"];

/** Curves over keys and connections; returns the exit code. @throws BenchError */
export async function growth({ flags, text }: CommandLine): Promise<number> {
  const keys = numbersOf("keys", flags.keys, KEYS);
  const connections = numbersOf("connections", flags.connections, CONNECTIONS);
  const base = loadOptions({
    ...flags,
    keys: undefined,
    connections: undefined,
    streams: undefined,
  });
  for (const keyCount of keys) checkLoad({ ...base, keyCount });
  const streams = numberOf("streams", flags.streams, 1);
  for (const count of connections)
    checkLoad({ ...base, connections: count, streams, processes: 1 });
  const stages = growthStages({
    ...{ keys, connections, streams, workloads: findWorkloads(WORKLOADS) },
  });
  const comparison = await withProgress((options) => runGrowth(options, stages), {
    ...{ kind: "growth", command: text, load: base, settings: [growthSetting(stages)] },
    targets: await targetsOf(flags, "persistent"),
    rounds: roundsOf(flags, 1),
    isSecure: flags.tls ?? false,
    moreArgs: QUOTA_ARGS,
    scratchDir: flags["scratch-dir"],
  });
  return report(comparison, flags, "bench-growth");
}
