import { BenchError } from "./bench-error.js";
import { findWorkloads } from "./workloads/catalogue.js";
import type { Share, ShareResult } from "./workloads/run-workload.js";

/** A generator process: runs the one share that its parent sends, answers, and ends. */
process.once("message", async (share: Share) => {
  const [workload] = findWorkloads([share.workload]);
  let answer: ShareResult;
  try {
    answer = { result: await workload!.run({ load: share.load, server: undefined }) };
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    answer = { code: error.code, message: error.message };
  }
  process.send?.(answer, () => process.disconnect());
});
