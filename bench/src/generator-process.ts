import { BenchError } from "./bench-error.js";
import { findWorkloads } from "./workloads/catalogue.js";
import type { Share, TeamMessage } from "./workloads/generator-team.js";
import type { Team } from "./workloads/workload.js";

/** A generator process: runs the one share that its parent sends, answers, and ends. */
process.once("message", async (share: Share) => {
  const { load, index, size } = share;
  const [workload] = findWorkloads([share.workload]);
  let answer: TeamMessage;
  try {
    const team: Team = { index, size, meet };
    // All begin at a time, however long each took to start.
    await meet();
    const before = process.cpuUsage();
    const result = await workload!.run({ load, server: undefined, team });
    const { user, system } = process.cpuUsage(before);
    const processesCpuSeconds = (user + system) / 1e6;
    answer = { kind: "result", result: { ...result, processesCpuSeconds } };
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    answer = { kind: "failure", code: error.code, message: error.message };
  }
  process.send?.(answer, () => process.disconnect());
});

/** Resolves once every process of the load has come so far. */
function meet(): Promise<void> {
  return new Promise((resolve) => {
    process.once("message", () => resolve());
    process.send?.({ kind: "meet" } satisfies TeamMessage);
  });
}
