import { SPARE_MEMORY_BYTES_MAX } from "../limits.js";

/**
 * Keeps the memory of the last commit for the next one: fresh memory costs more than what is
 * written into it, because the kernel hands it out page by page.
 */
export class SpareMemory {
  #spare: Buffer | undefined;

  /** At least `bytes`, with anything in it; not from Node's pool, so its ArrayBuffer is its own. */
  take(bytes: number): Buffer {
    const spare = this.#spare;
    if (spare !== undefined && spare.length >= bytes) {
      this.#spare = undefined;
      return spare;
    }
    return Buffer.allocUnsafeSlow(Math.ceil((bytes + 1) / GRAIN_BYTES) * GRAIN_BYTES);
  }

  /** Gives memory back when nobody reads it any more. */
  give(memory: Buffer): void {
    const kept = this.#spare?.length ?? 0;
    if (memory.length > kept && memory.length <= SPARE_MEMORY_BYTES_MAX) this.#spare = memory;
  }
}

const GRAIN_BYTES = 65_536;
