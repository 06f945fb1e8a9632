import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import { mergeResults } from "../load/merge-results.js";

/** What a generator process is told to do. */
export interface Share {
  readonly workload: string;
  readonly load: LoadOptions;
  /** Which of the `size` processes of the load it is, from 0. */
  readonly index: number;
  readonly size: number;
}

/**
 * What it says: that it came to a point where all must meet, which is answered by "go" once the last
 * one has come; in the end what it measured, or why it could not.
 *
 *     parent              process 0     process 1
 *       | -- Share ---------> |             |
 *       | -- Share -----------------------> |
 *       | <------- meet ----- |             |
 *       | <------- meet ------------------- |
 *       | -- "go" ----------> |             |      both start at a time
 *       | -- "go" ------------------------> |
 *       | <------- result --- |             |
 *       | <------- result ----------------- |
 */
export type TeamMessage =
  | { readonly kind: "meet" }
  | { readonly kind: "result"; readonly result: LoadResult }
  | { readonly kind: "failure"; readonly code: BenchError["code"]; readonly message: string };

const WORKER = fileURLToPath(new URL("../../dist/generator-process.js", import.meta.url));

/** Runs every share in a process of its own; a failure of one ends them all. @throws BenchError */
export async function runTeam(shares: readonly Share[]): Promise<LoadResult> {
  const children = shares.map(() => fork(WORKER, { serialization: "advanced" }));
  let met = 0;
  const onMeet = (): void => {
    met++;
    if (met % children.length === 0) for (const child of children) child.send("go");
  };
  try {
    const results = children.map((child, i) => resultOf(child, shares[i]!, onMeet));
    return mergeResults(await Promise.all(results));
  } finally {
    for (const child of children) if (child.exitCode === null) child.kill();
  }
}

function resultOf(child: ChildProcess, share: Share, onMeet: () => void): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    child.on("message", (message: TeamMessage) => {
      if (message.kind === "meet") onMeet();
      else if (message.kind === "result") resolve(message.result);
      else reject(new BenchError(message.code, message.message));
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      reject(new BenchError("CHECK", `a generator process ended with ${code}`));
    });
    child.send(share);
  });
}
