import type { LogIndex, MemberId, Term } from "@kvorum/base";
import { createMessage, type Mutable } from "./messages.js";
import type { RawNodeOptions } from "./node.js";
import type { RaftLog } from "./raft-log.js";
import type { ReadQueue } from "./read-queue.js";
import type { Tracker } from "./tracker.js";
import { type Message, MessageType, type ReadState, type Role } from "./types.js";

/**
 * The state of one member of the group, shared by the modules that each own a part of the protocol:
 *
 *   step.ts         terms, and which role handles which message
 *   transitions.ts  the changes of role
 *   election.ts     campaigns and votes
 *   follower.ts     MsgApp, MsgHeartbeat, MsgSnap
 *   replication.ts  what a leader sends and counts
 *   proposal.ts     new entries and conf changes
 *   read-index.ts   linearizable reads
 *   transfer.ts     leader transfer
 *
 * Only `raw-node.ts` creates it; nothing of it is visible to the host.
 */
export interface Core {
  readonly id: MemberId;
  readonly options: RawNodeOptions;
  readonly trace: RawNodeOptions["log"];
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly reads: ReadQueue;

  role: Role;
  term: Term;
  /** 0n when no vote was given in `term`. */
  vote: MemberId;
  /** 0n when none is known. */
  leader: MemberId;

  electionElapsed: number;
  heartbeatElapsed: number;
  /** Drawn anew with each reset: two members seldom campaign at once. */
  electionTimeoutTicks: number;

  /** Leader: 0n when no transfer runs. */
  leadTransferee: MemberId;
  /** Leader: the last conf change that may be unapplied is at or below this index. */
  pendingConfIndex: LogIndex;
  /** Leader: payload of the entries appended in this term and not committed; 0 without a bound. */
  uncommittedBytes: number;
  /** Leader: the index of the empty entry that opened the term. */
  termStartIndex: LogIndex;

  /** Leader: every follower may be due a MsgApp; they are cut when the host asks for a Ready. */
  appendWanted: boolean;
  /** Leader: a round of heartbeats is due. */
  heartbeatWanted: boolean;

  messages: Message[];
  messagesAfterSync: Message[];
  readStates: ReadState[];
  /** Candidate: the term of an own vote that no Ready has carried to disk yet; 0 is none. */
  ownVoteTerm: Term;
}

/** A message of this member in its present term, not sent yet. */
export function draft(core: Core, type: MessageType, to: MemberId): Mutable<Message> {
  return createMessage(type, { from: core.id, to, term: core.term });
}

/** Queues a message for the next Ready: it promises nothing about this member's disk. */
export function send(core: Core, message: Message): void {
  core.messages.push(message);
}

/**
 * Queues what promises something about this member's disk. An acknowledgement takes the place of
 * the one just before it: positions only grow, so the newest says all.
 */
export function sendAfterSync(core: Core, message: Mutable<Message>): void {
  const queue = core.messagesAfterSync;
  const before = queue.at(-1);
  if (before !== undefined && isPlainAck(before) && isPlainAck(message)) {
    if (before.to === message.to && before.term === message.term) {
      message.index = Math.max(before.index, message.index);
      queue.pop();
    }
  }
  queue.push(message);
}

function isPlainAck(message: Message): boolean {
  return message.type === MessageType.AppResp && !message.reject;
}
