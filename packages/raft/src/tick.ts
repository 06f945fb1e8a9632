import { hexId } from "@kvorum/base";
import type { Core } from "./core.js";
import { campaign, isPromotable } from "./election.js";
import { leaveJointWhenDue } from "./proposal.js";
import { becomeFollower } from "./transitions.js";

/** One heartbeat interval has passed. */
export function tick(core: Core): void {
  core.electionElapsed++;
  if (core.role === "leader") tickLeader(core);
  else if (isPromotable(core) && core.electionElapsed >= core.electionTimeoutTicks) {
    campaign(core, core.options.preVote ? "pre-election" : "election");
    core.electionElapsed = 0;
  }
}

function tickLeader(core: Core): void {
  const { electionTicks, heartbeatTicks } = core.options;
  if (core.electionElapsed >= electionTicks) {
    core.electionElapsed = 0;
    if (core.options.checkQuorum && !keepsQuorum(core)) return;
    if (core.leadTransferee !== 0n) {
      core.leadTransferee = 0n;
      leaveJointWhenDue(core);
    }
  }
  core.heartbeatElapsed++;
  if (core.heartbeatElapsed >= heartbeatTicks) {
    core.heartbeatElapsed = 0;
    core.heartbeatWanted = true;
  }
}

/**
 * A leader that hears no quorum for an election time-out gives up, so that its clients don't wait
 * on the wrong side of a partition (Raft thesis, section 6.2).
 */
function keepsQuorum(core: Core): boolean {
  const isActive = core.tracker.isQuorumActive();
  for (const progress of core.tracker.others) progress.recentActive = false;
  if (isActive) return true;
  const self = hexId(core.id);
  core.trace?.("warn", `${self} stepped down to follower since quorum is not active`);
  becomeFollower(core, core.term, 0n);
  return false;
}
