import { type Message, MessageType } from "@kvorum/raft";

/** Messages that raft sends to itself only; from another member they would be forged. */
export function isLocal({ type }: Message): boolean {
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
      return true;
    default:
      return false;
  }
}

/** As etcd names it in its log, for example "MsgApp". */
export function nameOf({ type }: Message): string {
  return `Msg${NAMES.get(type) ?? type}`;
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(MessageType).map(([name, type]) => [type, name]),
);
