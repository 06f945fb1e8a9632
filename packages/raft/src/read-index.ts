import { hexId } from "@kvorum/base";
import { type Core, draft, send } from "./core.js";
import { emptyBytes } from "./messages.js";
import type { ProposalResult } from "./node.js";
import type { FollowerProgress } from "./progress.js";
import { type Message, MessageType } from "./types.js";

/**
 * Linearizable reads without a log entry (Raft thesis, section 6.4). The leader notes its commit
 * index, makes sure by a round of heartbeats that it still leads, and answers with that index.
 *
 * The context of a heartbeat is the position of the newest read, 8 bytes, little-endian, as etcd
 * 3.7 sends it. Members echo it whatever it holds.
 */
export function handleReadRequest(core: Core, request: Message): ProposalResult {
  if (core.reads.isFull) {
    core.trace?.("warn", `${hexId(core.id)} too many pending reads; dropping index reading msg`);
    return { ok: false, reason: "too-many-reads" };
  }
  // An earlier leader may have committed more than this one knows until it commits in its term.
  // A single voter has to wait as well: its commit index isn't synced, so a restart lowers it.
  if (core.log.termAt(core.log.committed) !== core.term) core.reads.postpone(request);
  else register(core, request);
  return { ok: true };
}

/**
 * No other member can win an election without the vote of the only voter, which leads, so nobody
 * else may have committed anything since.
 */
export function confirmsReadsAlone({ role, tracker, log, term }: Core): boolean {
  return role === "leader" && tracker.isOnlyVoter && log.termAt(log.committed) === term;
}

/** Reads that came before the leader had committed in its term begin their round now. */
export function releasePostponedReads(core: Core): void {
  for (const request of core.reads.takePostponed()) register(core, request);
}

/** A member of the quorum has echoed `context`. */
export function answerReads(core: Core, from: FollowerProgress, context: Uint8Array): void {
  const position = Math.min(decodePosition(context), core.reads.issued);
  if (position > from.readAcknowledged) from.readAcknowledged = position;
  answerConfirmedReads(core);
}

/** Also after a conf change: a smaller quorum may have confirmed more. */
export function answerConfirmedReads(core: Core): void {
  if (!core.reads.hasWaiting) return;
  for (const read of core.reads.confirm(core.tracker.readConfirmed())) {
    answer(core, read.request, read.index);
  }
}

/** Empty while no read waits. */
export function readContext(core: Core): Uint8Array {
  return core.reads.hasWaiting ? encodePosition(core.reads.issued) : emptyBytes;
}

/** At a follower: the request goes to the leader, still from the member that asked. */
export function forwardRead(core: Core, request: Message): ProposalResult {
  if (core.role !== "follower" || core.leader === 0n || core.options.disableForwarding) {
    const isKnown = core.role === "follower" && core.leader !== 0n;
    const why = isKnown ? `not forwarding to leader ${hexId(core.leader)}` : "no leader";
    const dropped = `${why} at term ${core.term}; dropping index reading msg`;
    core.trace?.("info", `${hexId(core.id)} ${dropped}`);
    return { ok: false, reason: "no-leader" };
  }
  send(core, { ...request, to: core.leader });
  return { ok: true };
}

/** At a follower: the answer of the leader to a forwarded read. */
export function handleReadResponse(core: Core, response: Message): void {
  const [entry, ...more] = response.entries;
  if (entry === undefined || more.length > 0) {
    const count = `entries count: ${response.entries.length}`;
    const from = hexId(response.from);
    core.trace?.(
      "error",
      `${hexId(core.id)} invalid format of MsgReadIndexResp from ${from}, ${count}`,
    );
    return;
  }
  core.readStates.push({ index: response.index, context: entry.data });
}

/** This member's own confirmation may be a quorum already; otherwise the others are asked. */
function register(core: Core, request: Message): void {
  const { log, reads, tracker } = core;
  reads.add({ request, index: log.committed });
  if (tracker.own !== undefined) tracker.own.readAcknowledged = reads.issued;
  answerConfirmedReads(core);
  if (reads.hasWaiting) core.heartbeatWanted = true;
}

function answer(core: Core, request: Message, index: number): void {
  const [entry] = request.entries;
  if (request.from === 0n || request.from === core.id) {
    core.readStates.push({ index, context: entry?.data ?? emptyBytes });
    return;
  }
  const response = draft(core, MessageType.ReadIndexResp, request.from);
  response.index = index;
  response.entries = request.entries;
  send(core, response);
}

function encodePosition(position: number): Uint8Array {
  const bytes = new Uint8Array(8);
  let rest = position;
  for (let i = 0; i < 8; i++) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return bytes;
}

/** 0, which confirms nothing, for any context that isn't of this form. */
function decodePosition(context: Uint8Array): number {
  if (context.length !== 8) return 0;
  let position = 0;
  for (let i = 7; i >= 0; i--) position = position * 256 + context[i]!;
  return position;
}
