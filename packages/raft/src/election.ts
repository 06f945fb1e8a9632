import { equalBytes, hexId, type MemberId } from "@kvorum/base";
import { type Core, draft, send, sendAfterSync } from "./core.js";
import { campaignTransferContext, messageName } from "./messages.js";
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
} from "./transitions.js";
import { EntryType, type Message, MessageType } from "./types.js";

export type CampaignKind = "pre-election" | "election" | "transfer";

/** Starts a campaign unless this member leads already, has no vote, or has to catch up first. */
export function campaign(core: Core, kind: CampaignKind): void {
  const self = hexId(core.id);
  if (core.role === "leader") {
    core.trace?.("debug", `${self} ignoring MsgHup because already leader`);
  } else if (!isPromotable(core)) {
    core.trace?.("warn", `${self} is unpromotable and can not campaign`);
  } else if (hasUnappliedConfChange(core)) {
    const reason = "there are still pending configuration changes to apply";
    core.trace?.("warn", `${self} cannot campaign at term ${core.term} since ${reason}`);
  } else {
    core.trace?.("info", `${self} is starting a new election at term ${core.term}`);
    core.electionElapsed = 0;
    if (kind === "pre-election") requestPreVotes(core);
    else requestVotes(core, kind);
  }
}

/** Voters that aren't just restoring a snapshot may lead. */
export function isPromotable(core: Core): boolean {
  const { own } = core.tracker;
  return own !== undefined && !own.isLearner && core.log.pendingSnapshot === undefined;
}

/** Whether the request breaks into the lease of a leader that a quorum has lately heard. */
export function isInLease(core: Core, request: Message): boolean {
  if (equalBytes(request.context, campaignTransferContext)) return false;
  return (
    core.options.checkQuorum &&
    core.leader !== 0n &&
    core.electionElapsed < core.options.electionTicks
  );
}

/** Answers a candidate or pre-candidate whose term is not behind (Raft paper, 5.2 and 5.4.1). */
export function handleVoteRequest(core: Core, request: Message): void {
  const isPreVote = request.type === MessageType.PreVote;
  const canVote =
    core.vote === request.from ||
    (core.vote === 0n && core.leader === 0n) ||
    (isPreVote && request.term > core.term);
  // A learner votes too: the candidate may know of a promotion that this member has yet to apply.
  if (!canVote || !core.log.isUpToDate(request.index, request.logTerm)) {
    rejectVote(core, request);
    return;
  }
  traceVote(core, request, "cast", "for");
  const response = draft(core, responseType(request.type), request.from);
  // A pre-candidate asks in its future term and would ignore an answer from its present one.
  response.term = request.term;
  sendAfterSync(core, response);
  if (!isPreVote) {
    core.electionElapsed = 0;
    core.vote = request.from;
  }
}

/** Says no; the answer carries this member's term. */
export function rejectVote(core: Core, request: Message): void {
  traceVote(core, request, "rejected", "from");
  const response = draft(core, responseType(request.type), request.from);
  response.reject = true;
  sendAfterSync(core, response);
}

/** Notes in the trace why a request for a vote stays without an answer: a leader is heard. */
export function ignoreVote(core: Core, request: Message): void {
  const remaining = core.options.electionTicks - core.electionElapsed;
  traceVote(
    core,
    request,
    "ignored",
    "from",
    `: lease is not expired (remaining ticks: ${remaining})`,
  );
}

/** An answer to the phase that runs; those of the other phase are dropped by the caller. */
export function handleVoteResponse(core: Core, response: Message): void {
  countVote(core, response.from, response.type, !response.reject);
}

/** The own vote is on disk and counts now, if the candidacy still stands. */
export function countOwnVote(core: Core, term: number): void {
  if (core.role !== "candidate" || core.term !== term) return;
  countVote(core, core.id, MessageType.VoteResp, true);
}

function countVote(core: Core, from: MemberId, type: MessageType, granted: boolean): void {
  const { tracker } = core;
  const self = hexId(core.id);
  const name = messageName(type);
  const what = granted ? name : `${name} rejection`;
  core.trace?.("info", `${self} received ${what} from ${hexId(from)} at term ${core.term}`);
  tracker.recordVote(from, granted);
  const { granted: grants, rejected, result } = tracker.tally();
  core.trace?.(
    "info",
    `${self} has received ${grants} ${name} votes and ${rejected} vote rejections`,
  );
  if (result === "lost") becomeFollower(core, core.term, 0n);
  else if (result === "won" && core.role === "pre-candidate") requestVotes(core, "election");
  else if (result === "won") becomeLeader(core);
}

function requestPreVotes(core: Core): void {
  becomePreCandidate(core);
  for (const message of voteRequests(core, MessageType.PreVote)) {
    message.term = core.term + 1;
    send(core, message);
  }
  countVote(core, core.id, MessageType.PreVoteResp, true);
}

/**
 * The requests wait for the disk, as the own vote does. Sent earlier, a crash could make this
 * member forget them together with unsaved entries, campaign again in the same term with a shorter
 * log, and count grants that were given for the longer one.
 */
function requestVotes(core: Core, kind: CampaignKind): void {
  becomeCandidate(core);
  for (const message of voteRequests(core, MessageType.Vote)) {
    if (kind === "transfer") message.context = campaignTransferContext;
    sendAfterSync(core, message);
  }
}

function voteRequests(core: Core, type: MessageType): ReturnType<typeof draft>[] {
  const { lastIndex, lastTerm } = core.log;
  const voters = core.tracker.voterIds().filter((id) => id !== core.id);
  return voters.map((to) => {
    const message = draft(core, type, to);
    message.index = lastIndex;
    message.logTerm = lastTerm;
    const request = `[logterm: ${lastTerm}, index: ${lastIndex}] sent ${messageName(type)} request`;
    core.trace?.("info", `${hexId(core.id)} ${request} to ${hexId(to)} at term ${core.term}`);
    return message;
  });
}

/** A member that campaigned on an outdated configuration could win with too few votes. */
function hasUnappliedConfChange(core: Core): boolean {
  const { log } = core;
  for (let index = log.applied + 1; index <= log.committed; index++) {
    if (log.entryAt(index).type !== EntryType.Normal) return true;
  }
  return false;
}

function responseType(request: MessageType): MessageType {
  return request === MessageType.Vote ? MessageType.VoteResp : MessageType.PreVoteResp;
}

function traceVote(
  core: Core,
  request: Message,
  verb: "cast" | "rejected" | "ignored",
  preposition: "for" | "from",
  suffix = "",
): void {
  const { lastIndex, lastTerm } = core.log;
  core.trace?.(
    "info",
    `${hexId(core.id)} [logterm: ${lastTerm}, index: ${lastIndex}, vote: ${hexId(core.vote)}] ` +
      `${verb} ${messageName(request.type)} ${preposition} ${hexId(request.from)} ` +
      `[logterm: ${request.logTerm}, index: ${request.index}] at term ${core.term}${suffix}`,
  );
}
