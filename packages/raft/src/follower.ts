import { hexId, type MemberId } from "@kvorum/base";
import { normalizeConfState } from "./conf-state.js";
import { type Core, draft, send, sendAfterSync } from "./core.js";
import { describeConfState } from "./describe.js";
import { becomeFollower } from "./transitions.js";
import { type Message, MessageType, type Snapshot } from "./types.js";

/** What a follower does with the leader's MsgApp, MsgHeartbeat and MsgSnap. */
export function handleLeaderMessage(core: Core, message: Message): void {
  core.electionElapsed = 0;
  core.leader = message.from;
  if (message.type === MessageType.App) handleAppend(core, message);
  else if (message.type === MessageType.Heartbeat) handleHeartbeat(core, message);
  else handleSnapshot(core, message);
}

/** Tells a leader of an older term, which this member must not follow, about the present one. */
export function answerOldLeader(core: Core, message: Message): void {
  sendAfterSync(core, draft(core, MessageType.AppResp, message.from));
}

function handleAppend(core: Core, message: Message): void {
  const { log } = core;
  if (message.index < log.committed) {
    acknowledge(core, message.from, log.committed);
    return;
  }
  const matched = log.merge(message.index, message.logTerm, message.entries);
  if (matched !== undefined) {
    log.commitTo(Math.min(message.commit, matched));
    acknowledge(core, message.from, matched);
    return;
  }
  core.trace?.(
    "debug",
    `${hexId(core.id)} [logterm: ${log.termAt(message.index) ?? 0}, index: ${message.index}] ` +
      `rejected MsgApp [logterm: ${message.logTerm}, index: ${message.index}] ` +
      `from ${hexId(message.from)}`,
  );
  const hint = log.conflictHint(Math.min(message.index, log.lastIndex), message.logTerm);
  const response = draft(core, MessageType.AppResp, message.from);
  response.index = message.index;
  response.reject = true;
  response.rejectHint = hint.index;
  response.logTerm = hint.term;
  sendAfterSync(core, response);
}

function handleHeartbeat(core: Core, message: Message): void {
  core.log.commitTo(message.commit);
  const response = draft(core, MessageType.HeartbeatResp, message.from);
  // Byte for byte: a leader of etcd 3.7 panics on any other length than it sent.
  response.context = message.context;
  send(core, response);
}

function handleSnapshot(core: Core, message: Message): void {
  const { log } = core;
  const snapshot = message.snapshot;
  const { index, term } = snapshot?.metadata ?? { index: 0, term: 0 };
  const restored = snapshot !== undefined && restore(core, snapshot);
  const what = restored ? "restored" : "ignored";
  const self = hexId(core.id);
  const position = `[index: ${index}, term: ${term}]`;
  core.trace?.("info", `${self} [commit: ${log.committed}] ${what} snapshot ${position}`);
  acknowledge(core, message.from, restored ? log.lastIndex : log.committed);
}

/** @returns false when this member needs nothing of the snapshot, or isn't part of it. */
function restore(core: Core, snapshot: Snapshot): boolean {
  const { log } = core;
  const { index, term, confState } = snapshot.metadata;
  const self = hexId(core.id);
  if (index <= log.committed) return false;
  const members = [...confState.voters, ...confState.learners, ...confState.votersOutgoing];
  if (!members.includes(core.id)) {
    const problem = "attempted to restore snapshot but it is not in the ConfState";
    core.trace?.("warn", `${self} ${problem} ${describeConfState(confState)}`);
    return false;
  }
  const position = `snapshot [index: ${index}, term: ${term}]`;
  if (log.termAt(index) === term) {
    core.trace?.("info", `${self} ${logEnd(core)} fast-forwarded commit to ${position}`);
    log.commitTo(index);
    return false;
  }
  log.restore(snapshot);
  core.trace?.("info", `${self} ${logEnd(core)} restored ${position}`);
  return true;
}

/**
 * The snapshot is saved, and its configuration in force. Not before: the host may still be applying
 * older conf changes, which belong to the configuration before.
 */
export function installSnapshot(core: Core, snapshot: Snapshot): void {
  const { log, tracker } = core;
  const { index, confState } = snapshot.metadata;
  log.snapshotSaved(index);
  tracker.clear();
  tracker.switchTo(normalizeConfState(confState), log.lastIndex);
  const config = describeConfState(tracker.config);
  core.trace?.("info", `${hexId(core.id)} switched to configuration ${config}`);
}

/** A member that hears a leader of its own term gives up its campaign. */
export function concede(core: Core, leader: MemberId): void {
  becomeFollower(core, core.term, leader);
}

function acknowledge(core: Core, to: MemberId, index: number): void {
  const response = draft(core, MessageType.AppResp, to);
  response.index = index;
  sendAfterSync(core, response);
}

function logEnd(core: Core): string {
  const { committed, lastIndex, lastTerm } = core.log;
  return `[commit: ${committed}, lastindex: ${lastIndex}, lastterm: ${lastTerm}]`;
}
