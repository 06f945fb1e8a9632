import { BenchError } from "../bench-error.js";

/** Compressed flag and length, as gRPC writes them before each message. */
export const MESSAGE_PREFIX_BYTES = 5;

/**
 * Where the message ends whose prefix is at `at`; -1 when it does not end before `end`.
 * @throws BenchError "PROTOCOL" when it is compressed
 */
export function messageEnd(bytes: Buffer, at: number, end: number): number {
  if (end - at < MESSAGE_PREFIX_BYTES) return -1;
  if (bytes[at] !== 0) throw compressed();
  const low = (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!;
  const next = at + MESSAGE_PREFIX_BYTES + bytes[at + 1]! * 2 ** 24 + low;
  return next <= end ? next : -1;
}

const FIRST_STORE_BYTES = 16 * 1024;

/**
 * Puts together a message that is cut by the end of a DATA frame. What lies whole in a frame needs
 * no assembler.
 *
 *     +---------------+-----------------+------------------+
 *     | compressed 8  | length (32)     | `length` bytes   |
 *     +---------------+-----------------+------------------+
 */
export class MessageAssembler {
  readonly #prefix = Buffer.alloc(MESSAGE_PREFIX_BYTES);
  #prefixLength = 0;
  #length = -1;
  #filled = 0;
  /** Used for one message after the other. */
  #store: Buffer = Buffer.allocUnsafeSlow(FIRST_STORE_BYTES);

  /** Nothing of a message has come. */
  get isEmpty(): boolean {
    return this.#prefixLength === 0 && this.#length < 0;
  }

  /**
   * Takes of `bytes[start, end)` what belongs to the message under way, and hands it over when it
   * is complete; its bytes are valid only during that call. Returns the offset behind what it took.
   */
  push(
    bytes: Buffer,
    start: number,
    end: number,
    onMessage: (message: Buffer, start: number, end: number) => void,
  ): number {
    let at = start;
    if (this.#length < 0) {
      at = this.#readPrefix(bytes, at, end);
      if (this.#length < 0) return at;
    }
    const size = Math.min(this.#length - this.#filled, end - at);
    bytes.copy(this.#store, this.#filled, at, at + size);
    this.#filled += size;
    if (this.#filled === this.#length) {
      this.#length = -1;
      onMessage(this.#store, 0, this.#filled);
    }
    return at + size;
  }

  #readPrefix(bytes: Buffer, from: number, end: number): number {
    const size = Math.min(MESSAGE_PREFIX_BYTES - this.#prefixLength, end - from);
    bytes.copy(this.#prefix, this.#prefixLength, from, from + size);
    this.#prefixLength += size;
    if (this.#prefixLength === MESSAGE_PREFIX_BYTES) {
      if (this.#prefix[0] !== 0) throw compressed();
      this.#prefixLength = 0;
      this.#filled = 0;
      this.#length = this.#prefix.readUInt32BE(1);
      if (this.#length > this.#store.length) this.#store = Buffer.allocUnsafeSlow(this.#length * 2);
    }
    return from + size;
  }
}

function compressed(): BenchError {
  return new BenchError("PROTOCOL", "a compressed message arrived");
}
