import type { MemberId } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import type { EntriesEncoder } from "./entries-encoder.js";
import { MessageStreamDecoder, MessageStreamEncoder } from "./message-stream-codec.js";
import { MsgAppDecoder, MsgAppEncoder } from "./msgapp-codec.js";

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

export function createStreamEncoder(kind: StreamKind, entries: EntriesEncoder): StreamEncoder {
  return kind === "msgapp" ? new MsgAppEncoder(entries) : new MessageStreamEncoder();
}

export function createStreamDecoder(
  kind: StreamKind,
  ends: { readonly local: MemberId; readonly remote: MemberId },
): StreamDecoder {
  return kind === "msgapp" ? new MsgAppDecoder(ends) : new MessageStreamDecoder();
}
