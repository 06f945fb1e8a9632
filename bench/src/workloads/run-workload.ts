import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import { runTeam } from "./generator-team.js";
import { portionOf } from "./portion.js";
import type { Workload, WorkloadContext } from "./workload.js";

/**
 * Runs a workload, in as many processes as the load asks for where it can be split: each has its
 * share of the connections and of the rate, and draws from a seed of its own.
 */
export async function runWorkload(
  workload: Workload,
  context: WorkloadContext,
): Promise<LoadResult> {
  // A process without a connection would have nothing to do.
  const processes = Math.min(context.load.processes, context.load.connections);
  const load = { ...context.load, processes };
  if (processes === 1 || !workload.canSplit) return workload.run({ ...context, load });
  return runTeam(
    Array.from({ length: processes }, (_, index) => ({
      ...{ workload: workload.name, load: shareOf(load, index), index, size: processes },
    })),
  );
}

/** The part of process `index`: the remainder of a division goes to the first ones. */
export function shareOf(load: LoadOptions, index: number): LoadOptions {
  const { processes, connections, ratePerSecond, seed } = load;
  return {
    ...load,
    processes: 1,
    connections: portionOf(connections, { index, size: processes }),
    ratePerSecond: ratePerSecond === undefined ? undefined : ratePerSecond / processes,
    seed: seed + index,
  };
}
