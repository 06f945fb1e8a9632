import type { PagesMemory } from "../port.js";

/**
 * The chunks of one stream, to be used again when their receiver gives them back. Fresh memory for
 * each megabyte of a large file would be counted against the heap's limit and have the garbage
 * collector mark all of the heap, time and again.
 */
export class ChunkMemory implements PagesMemory {
  readonly #chunkBytes: number;
  readonly #spare: ArrayBuffer[] = [];

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  /** At least `bytes`, and a whole chunk where that is more; not zeroed. */
  take(bytes: number): Buffer {
    if (bytes > this.#chunkBytes) return Buffer.allocUnsafeSlow(bytes);
    const spare = this.#spare.pop();
    return spare === undefined ? Buffer.allocUnsafeSlow(this.#chunkBytes) : Buffer.from(spare);
  }

  takeSpare(): ArrayBuffer[] {
    return this.#spare.splice(0);
  }

  /** `chunk` is what was taken or a part of it; nobody may use it afterwards. */
  give(chunk: Buffer): void {
    const memory = chunk.buffer;
    if (!(memory instanceof ArrayBuffer) || memory.byteLength !== this.#chunkBytes) return;
    if (this.#spare.length < SPARE_CHUNKS_MAX) this.#spare.push(memory);
  }
}

/** What a receiver holds at most, and those on their way. */
const SPARE_CHUNKS_MAX = 12;
