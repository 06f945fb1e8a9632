/**
 * The gRPC message, https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md:
 *
 *     +------------------+-------------------------+----------- - -
 *     | compressed (0/1) | length (32 bit, big end)|  message
 *     +------------------+-------------------------+----------- - -
 */
export const MESSAGE_PREFIX_BYTES = 5;

/** What to do with the messages of one stream. */
export interface MessageSink<Target> {
  /**
   * A prefix was read, before any of its message is stored.
   * @returns false to stop: the call is over
   */
  onPrefix(target: Target, flag: number, length: number): boolean;
  /** @returns false to stop: the call is over */
  onMessage(target: Target, flag: number, message: Buffer): boolean;
}

const FIRST_ALLOCATION_BYTES_MAX = 16 * 1024;

/**
 * A message of which a part has come. Memory grows with what has really arrived, not with what the
 * prefix promises, so that a promise alone costs the server nothing.
 */
export class MessageReader {
  readonly #prefix: Buffer = Buffer.alloc(MESSAGE_PREFIX_BYTES);
  #prefixFilled = 0;
  #body: Buffer | undefined;
  #bodyFilled = 0;
  #flag = 0;
  #length = 0;

  /** Bytes stored. */
  get heldBytes(): number {
    return this.#body === undefined ? 0 : this.#body.length;
  }

  /**
   * Takes `bytes[start, end)` up to the end of the message at most.
   * @returns the offset after what was taken, or -1 to stop
   */
  take<Target>(
    bytes: Buffer,
    start: number,
    end: number,
    sink: MessageSink<Target>,
    target: Target,
  ): number {
    let offset = start;
    if (this.#body === undefined) {
      offset += this.#fill(this.#prefix, this.#prefixFilled, bytes, offset, end);
      this.#prefixFilled += offset - start;
      if (this.#prefixFilled < MESSAGE_PREFIX_BYTES) return offset;
      this.#flag = this.#prefix[0]!;
      this.#length = this.#prefix.readUInt32BE(1);
      if (!sink.onPrefix(target, this.#flag, this.#length)) return -1;
      const first = Math.max(FIRST_ALLOCATION_BYTES_MAX, end - offset);
      this.#body = Buffer.allocUnsafe(Math.min(this.#length, first));
    }
    return this.#takeBody(bytes, offset, end, sink, target);
  }

  #takeBody<Target>(
    bytes: Buffer,
    start: number,
    end: number,
    sink: MessageSink<Target>,
    target: Target,
  ): number {
    const count = Math.min(end - start, this.#length - this.#bodyFilled);
    this.#growTo(this.#bodyFilled + count);
    const body = this.#body!;
    bytes.copy(body, this.#bodyFilled, start, start + count);
    this.#bodyFilled += count;
    if (this.#bodyFilled < this.#length) return start + count;
    this.#reset();
    return sink.onMessage(target, this.#flag, body) ? start + count : -1;
  }

  get isEmpty(): boolean {
    return this.#body === undefined && this.#prefixFilled === 0;
  }

  #growTo(needed: number): void {
    const body = this.#body!;
    if (needed <= body.length) return;
    const grown = Buffer.allocUnsafe(Math.min(this.#length, Math.max(needed, body.length * 2)));
    body.copy(grown, 0, 0, this.#bodyFilled);
    this.#body = grown;
  }

  #fill(into: Buffer, filled: number, bytes: Buffer, start: number, end: number): number {
    return bytes.copy(into, filled, start, Math.min(end, start + into.length - filled));
  }

  #reset(): void {
    this.#prefixFilled = 0;
    this.#body = undefined;
    this.#bodyFilled = 0;
  }
}
