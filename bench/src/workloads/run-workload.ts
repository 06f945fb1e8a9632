import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import { mergeResults } from "../load/merge-results.js";
import type { Workload, WorkloadContext } from "./workload.js";

/** What a generator process is told to do. */
export interface Share {
  readonly workload: string;
  readonly load: LoadOptions;
}

/** What it answers. */
export type ShareResult =
  | { readonly result: LoadResult }
  | { readonly code: BenchError["code"]; readonly message: string };

const WORKER = fileURLToPath(new URL("../../dist/generator-process.js", import.meta.url));

/**
 * Runs a workload, in as many processes as the load asks for where it can be split: each has its
 * share of the connections and of the rate, and draws from a seed of its own.
 */
export async function runWorkload(
  workload: Workload,
  context: WorkloadContext,
): Promise<LoadResult> {
  const { load } = context;
  if (load.processes === 1 || !workload.canSplit) return workload.run(context);
  const shares = Array.from({ length: load.processes }, (_, i) => ({
    workload: workload.name,
    load: shareOf(load, i),
  }));
  return mergeResults(await Promise.all(shares.map(runShare)));
}

/** The part of process `index`: the remainder of a division goes to the first ones. */
export function shareOf(load: LoadOptions, index: number): LoadOptions {
  const { processes, connections, ratePerSecond, seed } = load;
  return {
    ...load,
    processes: 1,
    connections: Math.floor(connections / processes) + (index < connections % processes ? 1 : 0),
    ratePerSecond: ratePerSecond === undefined ? undefined : ratePerSecond / processes,
    seed: seed + index,
  };
}

function runShare(share: Share): Promise<LoadResult> {
  const child: ChildProcess = fork(WORKER, { serialization: "advanced" });
  return new Promise((resolve, reject) => {
    child.once("message", (answer: ShareResult) => {
      if ("result" in answer) resolve(answer.result);
      else reject(new BenchError(answer.code, answer.message));
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      reject(new BenchError("CHECK", `a generator process ended with ${code}`));
    });
    child.send(share);
  });
}
