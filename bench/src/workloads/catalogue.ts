import { BenchError } from "../bench-error.js";
import { KV_WORKLOADS } from "./kv-workloads.js";
import { watchFanout } from "./watch-fanout.js";
import type { Workload } from "./workload.js";

/** Every workload, in the order of a report. */
export const WORKLOADS: readonly Workload[] = [
  ...KV_WORKLOADS,
  watchFanout("watch-1k", { watchers: 1000, watchStreams: 100, puts: 1000 }),
  watchFanout("watch-10k", { watchers: 10_000, watchStreams: 10, puts: 100 }),
];

/** The workloads with these names. @throws BenchError "USAGE" */
export function findWorkloads(names: readonly string[]): Workload[] {
  return names.map((name) => {
    const found = WORKLOADS.find((workload) => workload.name === name);
    if (found !== undefined) return found;
    const known = WORKLOADS.map((workload) => workload.name).join(", ");
    throw new BenchError("USAGE", `no workload is called ${name}; there are: ${known}`);
  });
}
