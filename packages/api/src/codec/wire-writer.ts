import { VARINT_BYTES_MAX, writeVarint, writeVarint64 } from "@kvorum/base";

const INITIAL_BYTES = 64 * 1024;
/** A buffer that grew beyond this is let go of after its message. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Writes protobuf's wire format into one growing buffer that is used again for the next message.
 */
export class WireWriter {
  /** The buffer of short messages, to which the writer comes back from every larger one. */
  readonly #first = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  /** Holds the message in its first `length` bytes, until the next `reset` or `take`. */
  buffer: Buffer = this.#first;
  length = 0;

  reset(): void {
    this.length = 0;
    if (this.buffer.length > KEPT_BYTES_MAX) this.buffer = this.#first;
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  /** One raw byte: a tag, or a small number. */
  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** A safe integer that is not negative. */
  varint(value: number): void {
    this.reserve(VARINT_BYTES_MAX);
    this.length = writeVarint(this.buffer, this.length, value);
  }

  /** A 64-bit number, signed or unsigned. */
  varintBigint(value: bigint): void {
    this.reserve(VARINT_BYTES_MAX);
    this.length = writeVarint64(this.buffer, this.length, value);
  }

  /** The bytes alone, without a length. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** One `delimited` for each item. */
  list(tag: number, items: readonly Uint8Array[]): void {
    // A call, and nothing else, for each item: the list may be all that a store holds.
    for (let i = 0; i < items.length; i++) this.delimited(tag, items[i]!);
  }

  /** Tag (one byte), length and bytes. */
  delimited(tag: number, bytes: Uint8Array): void {
    this.byte(tag);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /**
   * What was written, now the caller's. It is a copy unless it fills most of a buffer that had to
   * grow for it, which the writer then gives away.
   */
  take(): Buffer {
    const { buffer, length } = this;
    if (buffer === this.#first || length * 2 < buffer.length) return this.toBytes();
    this.buffer = this.#first;
    this.length = 0;
    return buffer.subarray(0, length);
  }

  /** A copy of what was written, of exactly its size. */
  toBytes(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length));
  }
}
