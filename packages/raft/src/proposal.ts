import { hexId } from "@kvorum/base";
import { isJoint, leavesJoint, toV2 } from "./conf-change.js";
import { decodeConfChange } from "./conf-change-codec.js";
import { type Core, draft, send } from "./core.js";
import { describeChanges, describeConfState } from "./describe.js";
import { emptyBytes, payloadBytes } from "./messages.js";
import type { ProposalResult } from "./node.js";
import { type ConfChange, type ConfChangeV2, type Entry, EntryType, MessageType } from "./types.js";

export const accepted: ProposalResult = { ok: true };

/** New entries from the application of this member. */
export function propose(core: Core, data: readonly Uint8Array[]): ProposalResult {
  if (core.role !== "leader") return forward(core, data.map(unplacedEntry));
  let bytes = 0;
  if (core.options.uncommittedBytesMax > 0) {
    for (let i = 0; i < data.length; i++) bytes += data[i]!.length;
  }
  const refusal = refuseAtLeader(core, bytes);
  if (refusal !== undefined) return refusal;
  core.uncommittedBytes += bytes;
  core.log.appendData(core.term, data);
  core.appendWanted = true;
  return accepted;
}

/** Entries of any type: a conf change, or what another member has forwarded. */
export function proposeEntries(core: Core, entries: readonly Entry[]): ProposalResult {
  if (core.role !== "leader") return forward(core, entries);
  const isBounded = core.options.uncommittedBytesMax > 0;
  const bytes = isBounded ? payloadBytes(entries) : 0;
  const refusal = refuseAtLeader(core, bytes);
  if (refusal !== undefined) return refusal;
  core.uncommittedBytes += bytes;
  for (const entry of entries) {
    if (entry.type === EntryType.Normal) {
      core.log.append(core.term, entry.type, entry.data);
    } else {
      appendConfChange(core, entry);
    }
  }
  core.appendWanted = true;
  return accepted;
}

/**
 * Leaves a joint configuration once the change that entered it is applied. A transfer that runs may
 * refuse it; it is tried again with the next applied entry, or when the transfer is given up.
 */
export function leaveJointWhenDue(core: Core): void {
  const { log, tracker } = core;
  if (core.role !== "leader" || !tracker.config.autoLeave) return;
  if (log.applied < core.pendingConfIndex) return;
  const self = hexId(core.id);
  const config = describeConfState(tracker.config);
  const what = `automatic transition out of joint configuration ${config}`;
  const leave: Entry = { type: EntryType.ConfChangeV2, term: 0, index: 0, data: emptyBytes };
  const result = proposeEntries(core, [leave]);
  if (result.ok) core.trace?.("info", `initiating ${what}`);
  else core.trace?.("debug", `${self} not initiating ${what}: ${result.reason}`);
}

/** A conf change that can't be carried out now becomes an empty entry; nobody is told. */
function appendConfChange(core: Core, entry: Entry): void {
  const change = decodeConfChange(entry.type, entry.data);
  const problem = change === undefined ? "unreadable" : findProblem(core, change);
  if (problem === undefined) {
    core.log.append(core.term, entry.type, entry.data);
    core.pendingConfIndex = core.log.lastIndex;
    return;
  }
  const what = change === undefined ? "" : describeChanges(toV2(change).changes);
  const config = describeConfState(core.tracker.config);
  if (core.options.uncommittedBytesMax > 0) core.uncommittedBytes -= entry.data.length;
  core.log.append(core.term, EntryType.Normal, emptyBytes);
  core.trace?.(
    "info",
    `${hexId(core.id)} ignoring conf change {${what}} at config ${config}: ${problem}`,
  );
}

function findProblem(core: Core, change: ConfChange | ConfChangeV2): string | undefined {
  const { applied } = core.log;
  if (core.pendingConfIndex > applied) {
    const where = `at index ${core.pendingConfIndex} (applied to ${applied})`;
    return `possible unapplied conf change ${where}`;
  }
  const leaves = leavesJoint(change);
  const joint = isJoint(core.tracker.config);
  if (joint && !leaves) return "must transition out of joint config first";
  if (!joint && leaves) return "not in joint state; refusing empty conf change";
  return undefined;
}

function refuseAtLeader(core: Core, bytes: number): ProposalResult | undefined {
  if (core.tracker.own === undefined) return { ok: false, reason: "removed" };
  if (core.leadTransferee !== 0n) {
    const target = `transfer leadership to ${hexId(core.leadTransferee)} is in progress`;
    core.trace?.("debug", `${hexId(core.id)} [term ${core.term}] ${target}; dropping proposal`);
    return { ok: false, reason: "transferring" };
  }
  // The first proposal is taken whatever its size, and an empty one always.
  const bound = core.options.uncommittedBytesMax;
  if (bound > 0 && bytes > 0 && core.uncommittedBytes > 0) {
    if (core.uncommittedBytes + bytes > bound) {
      const excess = "appending new entries to log would exceed uncommitted entry size limit";
      core.trace?.("warn", `${hexId(core.id)} ${excess}; dropping proposal`);
      return { ok: false, reason: "uncommitted-limit" };
    }
  }
  return undefined;
}

function forward(core: Core, entries: readonly Entry[]): ProposalResult {
  if (core.role !== "follower" || core.leader === 0n) {
    core.trace?.("info", `${hexId(core.id)} no leader at term ${core.term}; dropping proposal`);
    return { ok: false, reason: "no-leader" };
  }
  if (core.options.disableForwarding) {
    const leader = `leader ${hexId(core.leader)} at term ${core.term}`;
    core.trace?.("info", `${hexId(core.id)} not forwarding to ${leader}; dropping proposal`);
    return { ok: false, reason: "no-leader" };
  }
  const message = draft(core, MessageType.Prop, core.leader);
  // Term 0: the leader of whatever term shall take it.
  message.term = 0;
  message.entries = entries;
  send(core, message);
  return accepted;
}

function unplacedEntry(data: Uint8Array): Entry {
  return { type: EntryType.Normal, term: 0, index: 0, data };
}
