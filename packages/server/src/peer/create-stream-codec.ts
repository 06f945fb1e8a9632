import type { MemberId } from "@kvorum/base";
import type { EntriesEncoder } from "./entries-encoder.js";
import { MessageStreamDecoder, MessageStreamEncoder } from "./message-stream-codec.js";
import { MsgAppDecoder, MsgAppEncoder } from "./msgapp-codec.js";
import type { StreamDecoder, StreamEncoder, StreamKind } from "./stream-codec.js";

/** @param entries shared by the streams of one member, which send the same entries */
export function createStreamEncoder(kind: StreamKind, entries: EntriesEncoder): StreamEncoder {
  return kind === "msgapp" ? new MsgAppEncoder(entries) : new MessageStreamEncoder();
}

/** @param ends of the stream, for appends right behind the last one, which name neither */
export function createStreamDecoder(
  kind: StreamKind,
  ends: { readonly local: MemberId; readonly remote: MemberId },
): StreamDecoder {
  return kind === "msgapp" ? new MsgAppDecoder(ends) : new MessageStreamDecoder();
}
