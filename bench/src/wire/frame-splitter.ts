import { FRAME_HEADER_BYTES } from "./frame.js";

/** One whole frame: its header at `at`, `length` bytes of payload behind it. */
export type OnFrame = (bytes: Buffer, at: number, length: number) => void;

const FIRST_CARRY_BYTES = 32 * 1024;

/**
 * Cuts what a socket delivers into frames. Frames that lie whole in a chunk are read where they
 * are; only the one that a chunk's end cuts in two is copied.
 */
export class FrameSplitter {
  readonly #onFrame: OnFrame;
  #carry: Buffer = Buffer.allocUnsafeSlow(FIRST_CARRY_BYTES);
  #carryLength = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes `bytes[0, length)`; nothing of it is kept by reference. */
  push(bytes: Buffer, length: number): void {
    let at = this.#carryLength > 0 ? this.#completeCarry(bytes, length) : 0;
    while (length - at >= FRAME_HEADER_BYTES) {
      const size = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
      const end = at + FRAME_HEADER_BYTES + size;
      if (end > length) break;
      this.#onFrame(bytes, at, size);
      at = end;
    }
    if (at < length) this.#keep(bytes, at, length);
  }

  /** Fills up the frame that was cut; returns where the next one begins. */
  #completeCarry(bytes: Buffer, length: number): number {
    let at = 0;
    if (this.#carryLength < FRAME_HEADER_BYTES) {
      at = Math.min(FRAME_HEADER_BYTES - this.#carryLength, length);
      this.#keep(bytes, 0, at);
      if (this.#carryLength < FRAME_HEADER_BYTES) return at;
    }
    const size = this.#carry.readUIntBE(0, 3);
    const end = at + FRAME_HEADER_BYTES + size - this.#carryLength;
    const stop = Math.min(end, length);
    this.#keep(bytes, at, stop);
    if (end <= length) {
      this.#carryLength = 0;
      this.#onFrame(this.#carry, 0, size);
    }
    return stop;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    const needed = this.#carryLength + end - start;
    if (needed > this.#carry.length) {
      const larger = Buffer.allocUnsafeSlow(needed * 2);
      this.#carry.copy(larger, 0, 0, this.#carryLength);
      this.#carry = larger;
    }
    bytes.copy(this.#carry, this.#carryLength, start, end);
    this.#carryLength = needed;
  }
}
