import type { Message } from "@kvorum/raft";

/** The two streams that a member asks another for. */
export type StreamKind = "msgapp" | "message";

/** Names in log lines. Source: etcd streamType.String */
export const STREAM_NAMES: Readonly<Record<StreamKind, string>> = {
  msgapp: "stream MsgApp v2",
  message: "stream Message",
};

/** Turns messages into the bytes of one connection; holds that connection's state. */
export interface StreamEncoder {
  /** Appends the message's bytes to `parts`; they may refer to its entries' data. */
  encode(message: Message, parts: Buffer[]): void;
  /** What shows that the connection lives. */
  readonly linkHeartbeat: Buffer;
}

/** Turns the bytes of one connection into messages; holds that connection's state. */
export interface StreamDecoder {
  /**
   * Takes the next bytes and appends the messages they complete, link heartbeats left out.
   * Messages refer to the memory of `bytes`, which nobody may change.
   * @throws PeerError, WireError: the connection can't be used any more
   */
  push(bytes: Buffer, into: Message[]): void;
}
