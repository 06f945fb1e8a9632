import { hexId, type LogIndex, type MemberId } from "@kvorum/base";
import { type Core, draft, send } from "./core.js";
import { describeProgress } from "./describe.js";
import { noEntries } from "./messages.js";
import type { FollowerProgress } from "./progress.js";
import { answerReads, readContext, releasePostponedReads } from "./read-index.js";
import { sendTimeoutNow } from "./transfer.js";
import { type Message, MessageType } from "./types.js";

/**
 * The leader's side of replication. Events only note that something is due; `flush` cuts the
 * messages when the host asks for a Ready, so that entries, commit index and read confirmation of
 * one round of the host travel together.
 */
export function flush(core: Core): void {
  if (core.heartbeatWanted) {
    core.heartbeatWanted = false;
    const context = readContext(core);
    for (const progress of core.tracker.others) sendHeartbeat(core, progress, context);
  }
  if (core.appendWanted) {
    core.appendWanted = false;
    for (const progress of core.tracker.others) replicateTo(core, progress);
  }
}

/** On the leader: a follower took entries, or told where its log differs. */
export function handleAppendResponse(core: Core, response: Message): void {
  const progress = core.tracker.progress.get(response.from)!;
  progress.recentActive = true;
  if (response.reject) handleRejection(core, progress, response);
  else handleAcknowledgement(core, progress, response.index);
}

/** On the leader: a follower is there; what it lacks is sent again. */
export function handleHeartbeatResponse(core: Core, response: Message): void {
  const { log, tracker } = core;
  const progress = tracker.progress.get(response.from)!;
  progress.recentActive = true;
  progress.resume();
  // With a full window the MsgApp is empty: it finds out whether all that filled it was lost.
  if (progress.match < log.lastIndex || progress.state === "probe") want(core, progress);
  answerReads(core, progress, response.context);
}

/** This member's log is on disk up to `log.durable`. */
export function acknowledgeOwn(core: Core): void {
  const { own } = core.tracker;
  if (core.role === "leader" && own?.acknowledge(core.log.durable)) maybeCommit(core);
}

/** Only an entry of the own term commits by counting (Raft paper, 5.4.2). */
export function maybeCommit(core: Core): void {
  const { log } = core;
  const index = core.tracker.committed();
  if (index <= log.committed || log.termAt(index) !== core.term) return;
  if (core.uncommittedBytes > 0) reduceUncommitted(core, index);
  log.commitTo(index);
  core.appendWanted = true;
  releasePostponedReads(core);
}

/** The last message to the member could not be sent: what was sent before is likely lost too. */
export function handleUnreachable(core: Core, id: MemberId): void {
  const progress = core.tracker.progress.get(id);
  if (core.role !== "leader" || progress === undefined) return;
  if (progress.state === "replicate") progress.becomeProbe();
  const target = `${hexId(id)} because it is unreachable [${describeProgress(progress)}]`;
  core.trace?.("debug", `${hexId(core.id)} failed to send message to ${target}`);
}

/** Either way the next MsgApp waits: for the member's answer, or for a heartbeat's. */
export function handleSnapshotReport(core: Core, id: MemberId, arrived: boolean): void {
  const progress = core.tracker.progress.get(id);
  if (core.role !== "leader" || progress?.state !== "snapshot") return;
  if (!arrived) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  const outcome = arrived ? "succeeded" : "failed";
  core.trace?.(
    "debug",
    `${hexId(core.id)} snapshot ${outcome}, resumed sending replication messages to ` +
      `${hexId(id)} [${describeProgress(progress)}]`,
  );
  progress.pause();
}

/** A MsgApp to this member is due, with or without entries. */
export function want(core: Core, progress: FollowerProgress): void {
  progress.sendWanted = true;
  core.appendWanted = true;
}

function handleRejection(core: Core, progress: FollowerProgress, response: Message): void {
  const { log } = core;
  const self = hexId(core.id);
  const from = hexId(response.from);
  const { rejectHint, logTerm, index } = response;
  core.trace?.(
    "debug",
    `${self} received MsgAppResp(rejected, hint: (index ${rejectHint}, term ${logTerm})) ` +
      `from ${from} for index ${index}`,
  );
  // Wherever the own term is above the member's at the hint, the logs can't match.
  const probe = logTerm > 0 ? log.conflictHint(rejectHint, logTerm).index : rejectHint;
  if (!progress.refuse({ rejected: index, hint: probe })) return;
  core.trace?.("debug", `${self} decreased progress of ${from} to [${describeProgress(progress)}]`);
  if (progress.state === "replicate") progress.becomeProbe();
  want(core, progress);
}

function handleAcknowledgement(core: Core, progress: FollowerProgress, index: LogIndex): void {
  const { log } = core;
  if (index > log.lastIndex) {
    const what = `MsgAppResp for ${index}, which is above lastindex ${log.lastIndex}`;
    core.trace?.("error", `${hexId(core.id)} ignored ${what} from ${hexId(progress.id)}`);
    return;
  }
  // Not every other answer with `match` confirms what is probed: to a message of an older term a
  // member answers with position 0, and whoever sent that may lead again by now.
  const isProbed = progress.state === "probe" && progress.next === index + 1;
  const isNews = progress.acknowledge(index);
  if (!isNews && !(isProbed && progress.match === index)) return;
  if (progress.state === "probe") {
    progress.becomeReplicate();
  } else if (progress.state === "replicate") {
    progress.inflights.freeUpTo(index);
  } else if (progress.match + 1 >= log.firstIndex) {
    core.trace?.(
      "debug",
      `${hexId(core.id)} recovered from needing snapshot, resumed sending replication messages ` +
        `to ${hexId(progress.id)} [${describeProgress(progress)}]`,
    );
    progress.becomeProbe();
    progress.becomeReplicate();
  }
  maybeCommit(core);
  core.appendWanted = true;
  if (progress.id === core.leadTransferee && progress.match === log.lastIndex) {
    const self = hexId(core.id);
    const to = hexId(progress.id);
    core.trace?.("info", `${self} sent MsgTimeoutNow to ${to} after received MsgAppResp`);
    sendTimeoutNow(core, progress.id);
  }
}

/** Sends until the member is up to date or may not be sent more. */
function replicateTo(core: Core, progress: FollowerProgress): void {
  const { log, options } = core;
  let isForced = progress.sendWanted;
  progress.sendWanted = false;
  while (!progress.paused) {
    const previousIndex = progress.next - 1;
    const previousTerm = log.termAt(previousIndex);
    if (previousTerm === undefined) {
      sendSnapshot(core, progress);
      return;
    }
    const isFull = progress.state === "replicate" && progress.inflights.full;
    const entries = isFull ? noEntries : log.slice(progress.next, options.messageBytesMax);
    if (entries.length === 0 && !isForced && !progress.canBumpCommit(log.committed)) return;
    const message = draft(core, MessageType.App, progress.id);
    message.index = previousIndex;
    message.logTerm = previousTerm;
    message.entries = entries;
    message.commit = log.committed;
    send(core, message);
    progress.sent(entries, log.committed);
    isForced = false;
  }
}

/** When it can't be sent, the member waits for the answer to a heartbeat, as after a lost probe. */
function sendSnapshot(core: Core, progress: FollowerProgress): void {
  const self = hexId(core.id);
  const to = hexId(progress.id);
  if (!progress.recentActive) {
    const reason = "since it is not recently active";
    core.trace?.("debug", `ignore sending snapshot to ${to} ${reason}`);
    progress.pause();
    return;
  }
  const snapshot = core.options.snapshot();
  if (snapshot === undefined) {
    const reason = "because snapshot is temporarily unavailable";
    core.trace?.("debug", `${self} failed to send snapshot to ${to} ${reason}`);
    progress.pause();
    return;
  }
  const { index, term } = snapshot.metadata;
  const { firstIndex, committed } = core.log;
  core.trace?.(
    "debug",
    `${self} [firstindex: ${firstIndex}, commit: ${committed}] sent ` +
      `snapshot[index: ${index}, term: ${term}] to ${to} [${describeProgress(progress)}]`,
  );
  progress.becomeSnapshot(index);
  const state = describeProgress(progress);
  core.trace?.("debug", `${self} paused sending replication messages to ${to} [${state}]`);
  const message = draft(core, MessageType.Snap, progress.id);
  message.snapshot = snapshot;
  send(core, message);
}

function sendHeartbeat(core: Core, progress: FollowerProgress, context: Uint8Array): void {
  const message = draft(core, MessageType.Heartbeat, progress.id);
  // Beyond `match` the member's log may differ, and it would commit entries of its own.
  message.commit = Math.min(progress.match, core.log.committed);
  message.context = context;
  send(core, message);
}

/** Entries of earlier terms were never counted, so they aren't taken off either. */
function reduceUncommitted(core: Core, committed: LogIndex): void {
  const { log } = core;
  const first = Math.max(log.committed + 1, core.termStartIndex);
  for (let index = first; index <= committed; index++) {
    core.uncommittedBytes -= log.entryAt(index).data.length;
  }
}
