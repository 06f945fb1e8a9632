import { type Message, MessageType } from "@kvorum/raft";
import { ByteQueue } from "./byte-queue.js";
import { peerLimits } from "./limits.js";
import { decodeMessage, encodeMessage, sizeMessage } from "./message-codec.js";
import { PeerError } from "./peer-error.js";
import type { StreamDecoder, StreamEncoder } from "./stream-codec.js";

/**
 * The message stream: every message behind its length.
 *
 *   +----------------------+--------------------+
 *   | length, u64 BE       | raftpb.Message     |  and so on
 *   +----------------------+--------------------+
 */
export class MessageStreamEncoder implements StreamEncoder {
  readonly linkHeartbeat = frameMessage(LINK_HEARTBEAT);

  encode(message: Message, parts: Buffer[]): void {
    parts.push(frameMessage(message));
  }
}

export class MessageStreamDecoder implements StreamDecoder {
  readonly #queue = new ByteQueue();
  /** Bytes of the message that is arriving; -1 while its length is. */
  #length = -1;

  push(bytes: Buffer, into: Message[]): void {
    this.#queue.push(bytes);
    for (;;) {
      if (this.#length < 0) {
        if (this.#queue.length < 8) return;
        this.#length = takeLength(this.#queue);
      }
      if (this.#queue.length < this.#length) return;
      const message = decodeMessage(
        this.#length === 0 ? Buffer.alloc(0) : this.#queue.take(this.#length),
      );
      this.#length = -1;
      if (message.from !== 0n || message.to !== 0n) into.push(message);
    }
  }
}

/** A message behind its length, as this stream and the head of a snapshot hold it. */
export function frameMessage(message: Message): Buffer {
  const sized = sizeMessage(message);
  const frame = Buffer.allocUnsafe(8 + sized.bytes);
  writeLength(frame, 0, sized.bytes);
  encodeMessage(sized, frame, 8);
  return frame;
}

/** An unsigned 64-bit big-endian number. */
export function writeLength(into: Buffer, at: number, value: number): void {
  into.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  into.writeUInt32BE(value % 2 ** 32, at + 4);
}

/** @throws PeerError "MALFORMED" above the limit of a message */
export function takeLength(
  queue: ByteQueue,
  bytesMax: number = peerLimits.messageBytesMax,
): number {
  const length = queue.takeNumber();
  if (length <= bytesMax) return length;
  throw new PeerError("MALFORMED", "rafthttp: error limit exceeded");
}

const LINK_HEARTBEAT: Message = {
  type: MessageType.Heartbeat,
  to: 0n,
  from: 0n,
  term: 0,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  snapshot: undefined,
  reject: false,
  rejectHint: 0,
  context: new Uint8Array(0),
};
