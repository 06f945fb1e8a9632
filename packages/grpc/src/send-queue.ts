import type { Output } from "./output.js";
import type { MessagePart } from "./types.js";

/** Fewer pieces that are gone are not worth moving the others; half of all at least, or it adds up. */
const COMPACT_MIN = 256;

/** Bytes of one stream that wait for a window or the socket, in order. */
export class SendQueue {
  #pieces: MessagePart[] = [];
  #first = 0;
  /** Bytes of the first piece that are gone already. */
  #consumed = 0;
  bytes = 0;

  push(piece: MessagePart): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.bytes += piece.length;
  }

  /**
   * Moves `count` bytes (at most `bytes`) to `output`: parts up to `copyBytesMax` are copied, larger
   * ones handed over by reference, and sources write into it.
   */
  moveTo(output: Output, count: number, copyBytesMax: number): void {
    this.bytes -= count;
    for (let left = count; left > 0; ) {
      const piece = this.#pieces[this.#first]!;
      const taken = Math.min(left, piece.length - this.#consumed);
      const end = this.#consumed + taken;
      if (!(piece instanceof Uint8Array)) output.appendNext(piece, taken);
      else if (taken <= copyBytesMax) output.appendCopy(piece, this.#consumed, end);
      else output.appendReference(piece.subarray(this.#consumed, end));
      left -= taken;
      this.#consumed = end;
      if (end === piece.length) this.#dropFirst();
    }
  }

  clear(): void {
    this.#pieces = [];
    this.#first = 0;
    this.#consumed = 0;
    this.bytes = 0;
  }

  #dropFirst(): void {
    this.#consumed = 0;
    this.#first++;
    if (this.#first === this.#pieces.length) {
      this.#pieces = [];
      this.#first = 0;
    } else if (this.#first >= COMPACT_MIN && this.#first * 2 >= this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#first = 0;
    }
  }
}
