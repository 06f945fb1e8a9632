import { assert, hexId, type MemberId, type Term } from "@kvorum/base";
import type { Core } from "./core.js";
import { emptyBytes } from "./messages.js";
import { EntryType } from "./types.js";

/**
 * ```
 *                 time-out                quorum of pre-votes
 *   follower ----------------> pre-candidate -----------------> candidate (term + 1)
 *      ^                            |                               |
 *      |  pre-vote lost, leader     |                               | quorum of votes
 *      +----------------------------+       vote lost, leader       v
 *      +<------------------------------------------------------- leader
 *           higher term, or no quorum heard (CheckQuorum)
 * ```
 * Without PreVote a follower becomes candidate at once.
 */
export function becomeFollower(core: Core, term: Term, leader: MemberId): void {
  reset(core, term);
  core.role = "follower";
  core.leader = leader;
  core.trace?.("info", `${hexId(core.id)} became follower at term ${term}`);
}

/** Changes neither term nor vote: it only asks whether an election could be won. */
export function becomePreCandidate(core: Core): void {
  assert(core.role !== "leader", "invalid transition [leader -> pre-candidate]");
  core.tracker.resetVotes();
  core.role = "pre-candidate";
  core.leader = 0n;
  core.trace?.("info", `${hexId(core.id)} became pre-candidate at term ${core.term}`);
}

/** Begins a new term with a vote for itself (Raft paper, 5.2). */
export function becomeCandidate(core: Core): void {
  assert(core.role !== "leader", "invalid transition [leader -> candidate]");
  reset(core, core.term + 1);
  core.role = "candidate";
  core.vote = core.id;
  core.ownVoteTerm = core.term;
  core.trace?.("info", `${hexId(core.id)} became candidate at term ${core.term}`);
}

/** Appends the empty entry: committing it commits all of earlier terms (Raft paper, 5.4.2). */
export function becomeLeader(core: Core): void {
  assert(core.role === "candidate", `invalid transition [${core.role} -> leader]`);
  const { log, tracker } = core;
  reset(core, core.term);
  core.role = "leader";
  core.leader = core.id;
  for (const progress of tracker.progress.values()) progress.reset(log.lastIndex);
  const own = tracker.own;
  if (own !== undefined) {
    own.match = log.durable;
    own.becomeReplicate();
    own.recentActive = true;
  }
  // Some entry of the tail may be a conf change: assuming the last one is saves a scan.
  core.pendingConfIndex = log.lastIndex;
  log.append(core.term, EntryType.Normal, emptyBytes);
  core.termStartIndex = log.lastIndex;
  core.appendWanted = true;
  core.trace?.("info", `${hexId(core.id)} became leader at term ${core.term}`);
}

function reset(core: Core, term: Term): void {
  if (core.term !== term) {
    core.term = term;
    core.vote = 0n;
  }
  core.leader = 0n;
  core.electionElapsed = 0;
  core.heartbeatElapsed = 0;
  const { electionTicks, prng } = core.options;
  core.electionTimeoutTicks = electionTicks + prng.below(electionTicks);
  core.leadTransferee = 0n;
  core.pendingConfIndex = 0;
  core.uncommittedBytes = 0;
  core.termStartIndex = 0;
  core.appendWanted = false;
  core.heartbeatWanted = false;
  core.ownVoteTerm = 0;
  core.tracker.resetVotes();
  core.reads.clear();
}
