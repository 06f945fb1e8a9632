/**
 * Cuts many small Buffers out of one allocation, which is several times cheaper than one allocation
 * each. A piece keeps its whole slab from the garbage collector, so it suits bytes that are dropped
 * at about the same time, as neighbouring records are.
 */
export class Slab {
  #bytes = Buffer.alloc(0);
  #used = 0;

  /** Bytes of undefined content, the caller's to keep. */
  take(length: number): Buffer {
    if (length > LARGE_BYTES) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return this.#bytes.subarray(start, this.#used);
  }
}

const SLAB_BYTES = 64 * 1024;
/** Above this a piece of its own wastes less than the rest of a slab would. */
const LARGE_BYTES = 8 * 1024;
