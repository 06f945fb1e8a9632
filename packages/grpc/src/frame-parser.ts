import { CLIENT_PREFACE, FRAME_HEADER_BYTES } from "./frame.js";
import { ErrorCode, Http2Error, protocolError } from "./http2-error.js";

/**
 * Takes the frames of one connection in order. `bytes[start, end)` is the payload. Positional, since
 * an options object for each frame would cost as much as parsing it.
 */
export interface FrameSink {
  onFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;
}

const PREFACE = Buffer.from(CLIENT_PREFACE, "latin1");
const EMPTY = Buffer.alloc(0);

/**
 * Cuts the bytes of a connection into the preface and frames. Whole frames are handed over where
 * they lie in the chunk; only a frame that is split between chunks is copied together, so payloads
 * stay valid as long as they are referenced.
 */
export class FrameParser {
  readonly #sink: FrameSink;
  readonly #frameBytesMax: number;
  #prefaceSeen = 0;
  /** The beginning of a frame whose rest is still to come: its header, then the whole frame. */
  #partial: Buffer = EMPTY;
  #partialFilled = 0;
  #stopped = false;

  constructor(sink: FrameSink, frameBytesMax: number) {
    this.#sink = sink;
    this.#frameBytesMax = frameBytesMax;
  }

  /** From now on everything is dropped, also the rest of the chunk at hand. */
  stop(): void {
    this.#stopped = true;
    this.#partial = EMPTY;
  }

  /** @throws Http2Error for a wrong preface or a frame above the limit, and what the sink throws */
  push(chunk: Buffer): void {
    let offset = this.#prefaceSeen < PREFACE.length ? this.#readPreface(chunk) : 0;
    if (this.#partial.length > 0) offset = this.#completePartial(chunk, offset);
    const end = chunk.length;
    while (end - offset >= FRAME_HEADER_BYTES && !this.#stopped) {
      const length = readLength(chunk, offset);
      if (length > this.#frameBytesMax) throw frameTooLarge(length, this.#frameBytesMax);
      const frameEnd = offset + FRAME_HEADER_BYTES + length;
      if (frameEnd > end) break;
      this.#deliver(chunk, offset, frameEnd);
      offset = frameEnd;
    }
    if (offset < end && !this.#stopped) this.#keepPartial(chunk, offset);
  }

  #deliver(bytes: Buffer, offset: number, end: number): void {
    const streamId =
      ((bytes[offset + 5]! & 0x7f) << 24) |
      (bytes[offset + 6]! << 16) |
      (bytes[offset + 7]! << 8) |
      bytes[offset + 8]!;
    const type = bytes[offset + 3]!;
    this.#sink.onFrame(type, bytes[offset + 4]!, streamId, bytes, offset + FRAME_HEADER_BYTES, end);
  }

  #readPreface(chunk: Buffer): number {
    const count = Math.min(PREFACE.length - this.#prefaceSeen, chunk.length);
    if (PREFACE.compare(chunk, 0, count, this.#prefaceSeen, this.#prefaceSeen + count) !== 0) {
      throw protocolError("no HTTP/2 preface");
    }
    this.#prefaceSeen += count;
    return count;
  }

  #keepPartial(chunk: Buffer, offset: number): void {
    const available = chunk.length - offset;
    // With a whole header the size of the frame is known (and was checked); else only the header's.
    const size =
      available >= FRAME_HEADER_BYTES
        ? FRAME_HEADER_BYTES + readLength(chunk, offset)
        : FRAME_HEADER_BYTES;
    this.#partial = Buffer.allocUnsafe(size);
    this.#partialFilled = chunk.copy(this.#partial, 0, offset);
  }

  /** Goes on filling the split frame from `chunk[offset..]`; answers where the next frame begins. */
  #completePartial(chunk: Buffer, offset: number): number {
    let from = this.#fillPartial(chunk, offset);
    if (this.#partialFilled < this.#partial.length) return from;
    const length = readLength(this.#partial, 0);
    if (length > this.#frameBytesMax) throw frameTooLarge(length, this.#frameBytesMax);
    if (this.#partial.length < FRAME_HEADER_BYTES + length) {
      const whole = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
      this.#partial.copy(whole);
      this.#partial = whole;
      from = this.#fillPartial(chunk, from);
      if (this.#partialFilled < whole.length) return from;
    }
    const frame = this.#partial;
    this.#partial = EMPTY;
    this.#deliver(frame, 0, frame.length);
    return from;
  }

  #fillPartial(chunk: Buffer, offset: number): number {
    const copied = chunk.copy(this.#partial, this.#partialFilled, offset);
    this.#partialFilled += copied;
    return offset + copied;
  }
}

function readLength(bytes: Buffer, offset: number): number {
  return (bytes[offset]! << 16) | (bytes[offset + 1]! << 8) | bytes[offset + 2]!;
}

function frameTooLarge(length: number, max: number): Http2Error {
  return new Http2Error(ErrorCode.FRAME_SIZE_ERROR, `frame of ${length} bytes, limit ${max}`);
}
