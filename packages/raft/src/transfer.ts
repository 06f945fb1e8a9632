import { hexId, type MemberId } from "@kvorum/base";
import { type Core, draft, send } from "./core.js";
import { type Message, MessageType } from "./types.js";

/**
 * Leader transfer (Raft thesis, section 3.10): the leader stops taking proposals, brings the target
 * up to date and tells it to campaign at once. Given up after one election time-out.
 * @returns true when the target first needs entries: a MsgApp to it is due.
 */
export function startTransfer(core: Core, target: MemberId): boolean {
  const progress = core.tracker.progress.get(target);
  const self = hexId(core.id);
  const to = hexId(target);
  const at = `${self} [term ${core.term}]`;
  if (progress === undefined) {
    core.trace?.("debug", `${self} no progress available for ${to}`);
    return false;
  }
  if (progress.isLearner) {
    core.trace?.("debug", `${self} is learner. Ignored transferring leadership`);
    return false;
  }
  if (core.leadTransferee === target) {
    const ignored = `ignores request to same node ${to}`;
    core.trace?.("info", `${at} transfer leadership to ${to} is in progress, ${ignored}`);
    return false;
  }
  if (core.leadTransferee !== 0n) {
    const former = hexId(core.leadTransferee);
    core.trace?.("info", `${at} abort previous transferring leadership to ${former}`);
    core.leadTransferee = 0n;
  }
  if (target === core.id) {
    core.trace?.("debug", `${self} is already leader. Ignored transferring leadership to self`);
    return false;
  }
  core.trace?.("info", `${at} starts to transfer leadership to ${to}`);
  core.electionElapsed = 0;
  core.leadTransferee = target;
  if (progress.match < core.log.lastIndex) return true;
  sendTimeoutNow(core, target);
  const reason = `immediately as ${to} already has up-to-date log`;
  core.trace?.("info", `${self} sends MsgTimeoutNow to ${to} ${reason}`);
  return false;
}

/** At a follower: the request goes to the leader, still from the member that shall lead. */
export function forwardTransfer(core: Core, target: MemberId): void {
  if (core.leader === 0n) {
    const dropped = "dropping leader transfer msg";
    core.trace?.("info", `${hexId(core.id)} no leader at term ${core.term}; ${dropped}`);
    return;
  }
  const message = draft(core, MessageType.TransferLeader, core.leader);
  message.from = target;
  send(core, message);
}

/** Tells the follower that is to lead to begin an election at once (Raft thesis, 3.10). */
export function sendTimeoutNow(core: Core, to: MemberId): void {
  const message: Message = draft(core, MessageType.TimeoutNow, to);
  send(core, message);
}
