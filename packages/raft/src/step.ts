import { assert, hexId } from "@kvorum/base";
import type { Core } from "./core.js";
import {
  campaign,
  handleVoteRequest,
  handleVoteResponse,
  ignoreVote,
  isInLease,
  rejectVote,
} from "./election.js";
import { answerOldLeader, concede, handleLeaderMessage } from "./follower.js";
import { isLeaderType, isLocalType, isResponseType, messageName } from "./messages.js";
import { proposeEntries } from "./proposal.js";
import { forwardRead, handleReadRequest, handleReadResponse } from "./read-index.js";
import { handleAppendResponse, handleHeartbeatResponse, want } from "./replication.js";
import { forwardTransfer, startTransfer } from "./transfer.js";
import { becomeFollower } from "./transitions.js";
import { type Message, MessageType } from "./types.js";

/**
 * Takes a message of another member. What the rules of terms don't admit, what no member of the
 * configuration may send and what fits no role is dropped: the network may repeat, delay and
 * reorder, and a removed member may go on talking.
 */
export function step(core: Core, message: Message): void {
  if (isLocalType(message.type)) return;
  if (isResponseType(message.type) && !core.tracker.progress.has(message.from)) {
    const from = hexId(message.from);
    core.trace?.("debug", `${hexId(core.id)} no progress available for ${from}`);
    return;
  }
  if (!admit(core, message)) return;
  if (message.type === MessageType.Vote || message.type === MessageType.PreVote) {
    handleVoteRequest(core, message);
  } else if (core.role === "leader") {
    stepLeader(core, message);
  } else if (core.role === "follower") {
    stepFollower(core, message);
  } else {
    stepCandidate(core, message);
  }
}

/**
 * Compares terms. @returns whether the message is to be handled in the term that holds afterwards.
 */
function admit(core: Core, message: Message): boolean {
  const { type, term } = message;
  if (term === 0) {
    // Forwarded requests belong to no term; a leader or candidate always has one.
    return !isLeaderType(type) && type !== MessageType.Vote && type !== MessageType.PreVote;
  }
  if (term > core.term) return admitHigher(core, message);
  if (term < core.term) {
    answerLower(core, message);
    return false;
  }
  return true;
}

function admitHigher(core: Core, message: Message): boolean {
  const { type, term } = message;
  const isRequest = type === MessageType.Vote || type === MessageType.PreVote;
  if (isRequest && isInLease(core, message)) {
    ignoreVote(core, message);
    return false;
  }
  // A pre-vote is about a term that has not begun; only a refusal of it comes from a real one.
  if (type === MessageType.PreVote) return true;
  if (type === MessageType.PreVoteResp && !message.reject) return true;
  const from = hexId(message.from);
  core.trace?.(
    "info",
    `${hexId(core.id)} [term: ${core.term}] received a ${messageName(type)} message ` +
      `with higher term from ${from} [term: ${term}]`,
  );
  becomeFollower(core, term, isLeaderType(type) ? message.from : 0n);
  return true;
}

/**
 * A member that comes back with a higher term than the leader's would never follow it; the answer
 * makes that leader step down. etcd answers only with PreVote or CheckQuorum; without them a
 * learner that heard of a higher term would be stuck. A refused pre-vote tells the present term.
 */
function answerLower(core: Core, message: Message): void {
  const { type, from, term } = message;
  if (type === MessageType.App || type === MessageType.Heartbeat) {
    answerOldLeader(core, message);
  } else if (type === MessageType.PreVote) {
    rejectVote(core, message);
  } else {
    core.trace?.(
      "info",
      `${hexId(core.id)} [term: ${core.term}] ignored a ${messageName(type)} message ` +
        `with lower term from ${hexId(from)} [term: ${term}]`,
    );
  }
}

function stepLeader(core: Core, message: Message): void {
  switch (message.type) {
    case MessageType.Prop:
      proposeEntries(core, message.entries);
      return;
    case MessageType.ReadIndex:
      handleReadRequest(core, message);
      return;
    case MessageType.TransferLeader: {
      const target = core.tracker.progress.get(message.from);
      if (startTransfer(core, message.from) && target !== undefined) want(core, target);
      return;
    }
    case MessageType.AppResp:
      handleAppendResponse(core, message);
      return;
    case MessageType.HeartbeatResp:
      handleHeartbeatResponse(core, message);
      return;
    default:
      assert(
        !isLeaderType(message.type),
        `two leaders at term ${core.term}: ${hexId(core.id)} and ${hexId(message.from)}`,
      );
  }
}

function stepFollower(core: Core, message: Message): void {
  switch (message.type) {
    case MessageType.Prop:
      proposeEntries(core, message.entries);
      return;
    case MessageType.App:
    case MessageType.Heartbeat:
    case MessageType.Snap:
      handleLeaderMessage(core, message);
      return;
    case MessageType.TransferLeader:
      forwardTransfer(core, message.from);
      return;
    case MessageType.TimeoutNow: {
      const from = `${hexId(message.from)} and starts an election to get leadership.`;
      const at = `${hexId(core.id)} [term ${core.term}]`;
      core.trace?.("info", `${at} received MsgTimeoutNow from ${from}`);
      // The leader itself asks, so nothing is disturbed and no pre-vote is needed.
      campaign(core, "transfer");
      return;
    }
    case MessageType.ReadIndex:
      forwardRead(core, message);
      return;
    case MessageType.ReadIndexResp:
      handleReadResponse(core, message);
      return;
    default:
      return;
  }
}

/** For pre-candidates too; each counts the answers to its own phase alone. */
function stepCandidate(core: Core, message: Message): void {
  const own = core.role === "candidate" ? MessageType.VoteResp : MessageType.PreVoteResp;
  if (message.type === own) {
    handleVoteResponse(core, message);
  } else if (isLeaderType(message.type)) {
    concede(core, message.from);
    handleLeaderMessage(core, message);
  } else if (message.type === MessageType.Prop) {
    proposeEntries(core, message.entries);
  } else if (message.type === MessageType.TimeoutNow) {
    const state = core.role === "candidate" ? "StateCandidate" : "StatePreCandidate";
    const from = hexId(message.from);
    const at = `${hexId(core.id)} [term ${core.term} state ${state}]`;
    core.trace?.("debug", `${at} ignored MsgTimeoutNow from ${from}`);
  }
}
