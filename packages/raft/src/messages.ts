import { type MemberId, type Term, varintSize } from "@kvorum/base";
import { type Entry, type Message, MessageType } from "./types.js";

export type Mutable<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };

export const emptyBytes = new Uint8Array(0);
export const noEntries: readonly Entry[] = Object.freeze([]);

/** Context of a MsgVote that may break the lease of the present leader, who asked for it. */
export const campaignTransferContext = Uint8Array.from("CampaignTransfer", (letter) =>
  letter.charCodeAt(0),
);

/** A message with every field present: one hidden class for all, so that the engine stays fast. */
export function createMessage(
  type: MessageType,
  route: { readonly from: MemberId; readonly to: MemberId; readonly term: Term },
): Mutable<Message> {
  return {
    type,
    to: route.to,
    from: route.from,
    term: route.term,
    logTerm: 0,
    index: 0,
    entries: noEntries,
    commit: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: emptyBytes,
  };
}

const names = new Map<MessageType, string>(
  Object.entries(MessageType).map(([name, type]) => [type, `Msg${name}`]),
);

/** The name in etcd's logs: "MsgApp". */
export function messageName(type: MessageType): string {
  return names.get(type) ?? `Msg(${type})`;
}

/** Messages that only the host itself may cause; from the network they are dropped. */
export function isLocalType(type: MessageType): boolean {
  switch (type) {
    case MessageType.Hup:
    case MessageType.Beat:
    case MessageType.Unreachable:
    case MessageType.SnapStatus:
    case MessageType.CheckQuorum:
    case MessageType.StorageAppend:
    case MessageType.StorageAppendResp:
    case MessageType.StorageApply:
    case MessageType.StorageApplyResp:
    case MessageType.ForgetLeader:
      return true;
    default:
      return false;
  }
}

/** Answers, which count only when they come from a member of the configuration. */
export function isResponseType(type: MessageType): boolean {
  switch (type) {
    case MessageType.AppResp:
    case MessageType.VoteResp:
    case MessageType.PreVoteResp:
    case MessageType.HeartbeatResp:
    case MessageType.ReadIndexResp:
      return true;
    default:
      return false;
  }
}

/** Messages that a leader alone sends, in its own term. */
export function isLeaderType(type: MessageType): boolean {
  return type === MessageType.App || type === MessageType.Heartbeat || type === MessageType.Snap;
}

/**
 * Bytes of `entry` as the raftpb message that etcd sends: type, term and index always, data when
 * there is any. The limits of MsgApp and of one Ready are in these bytes.
 */
export function entryBytes(entry: Entry): number {
  const dataBytes = entry.data.length;
  const head = 4 + varintSize(entry.term) + varintSize(entry.index);
  return dataBytes === 0 ? head : head + 1 + varintSize(dataBytes) + dataBytes;
}

/** Sum of the data alone: the measure of flow control and of the uncommitted bound. */
export function payloadBytes(entries: readonly Entry[]): number {
  let sum = 0;
  for (let i = 0; i < entries.length; i++) sum += entries[i]!.data.length;
  return sum;
}
