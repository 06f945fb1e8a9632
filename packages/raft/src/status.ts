import type { MemberId } from "@kvorum/base";
import type { Core } from "./core.js";
import type { Progress, RaftStatus } from "./node.js";

/** A copy of the state for status pages and metrics. */
export function statusOf(core: Core): RaftStatus {
  const { log, tracker } = core;
  const progress = new Map<MemberId, Progress>();
  if (core.role === "leader") {
    for (const [id, entry] of tracker.progress) {
      progress.set(id, {
        match: entry.match,
        next: entry.next,
        state: entry.state,
        isLearner: entry.isLearner,
        recentActive: entry.recentActive,
        paused: entry.paused,
        pendingSnapshot: entry.pendingSnapshot,
      });
    }
  }
  return {
    id: core.id,
    hardState: { term: core.term, vote: core.vote, commit: log.committed },
    softState: { leader: core.leader, role: core.role },
    applied: log.applied,
    lastIndex: log.lastIndex,
    firstIndex: log.firstIndex,
    leadTransferee: core.leadTransferee,
    confState: tracker.config,
    progress,
  };
}
