import { BenchError } from "../bench-error.js";

/** Compressed flag and length, as gRPC writes them before each message. */
export const MESSAGE_PREFIX_BYTES = 5;

/**
 * Puts together the messages of one stream that don't come one a DATA frame: long ones over many
 * frames, short ones several a frame, prefixes cut in two.
 *
 *     +---------------+-----------------+------------------+
 *     | compressed 8  | length (32)     | `length` bytes   |  again and again
 *     +---------------+-----------------+------------------+
 */
export class MessageAssembler {
  readonly #prefix = Buffer.alloc(MESSAGE_PREFIX_BYTES);
  #prefixLength = 0;
  #message: Buffer | undefined;
  #messageLength = 0;

  get isEmpty(): boolean {
    return this.#prefixLength === 0 && this.#message === undefined;
  }

  /** Takes `bytes[start, end)` and hands over every message that it completes. */
  push(
    bytes: Buffer,
    start: number,
    end: number,
    onMessage: (message: Buffer, start: number, end: number) => void,
  ): void {
    let at = start;
    while (at < end || this.#message?.length === 0) {
      if (this.#message === undefined) {
        at = this.#readPrefix(bytes, at, end);
        continue;
      }
      const message: Buffer = this.#message;
      const size = Math.min(message.length - this.#messageLength, end - at);
      bytes.copy(message, this.#messageLength, at, at + size);
      this.#messageLength += size;
      at += size;
      if (this.#messageLength < message.length) return;
      this.#message = undefined;
      onMessage(message, 0, message.length);
    }
  }

  #readPrefix(bytes: Buffer, from: number, end: number): number {
    const size = Math.min(MESSAGE_PREFIX_BYTES - this.#prefixLength, end - from);
    bytes.copy(this.#prefix, this.#prefixLength, from, from + size);
    this.#prefixLength += size;
    if (this.#prefixLength === MESSAGE_PREFIX_BYTES) {
      if (this.#prefix[0] !== 0) throw new BenchError("PROTOCOL", "a compressed message arrived");
      this.#prefixLength = 0;
      this.#messageLength = 0;
      this.#message = Buffer.allocUnsafe(this.#prefix.readUInt32BE(1));
    }
    return from + size;
  }
}
