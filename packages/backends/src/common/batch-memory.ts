/**
 * Memory of batches that their reader has given back, for later batches of the same scan. Fresh
 * memory for each would be counted against the heap of the reader's thread, whose collector then
 * marks all of it, time and again.
 */
export class BatchMemory {
  readonly #spare: ArrayBuffer[] = [];

  give(memory: readonly ArrayBuffer[]): void {
    this.#spare.push(...memory);
  }

  /** At least `bytes`, of undefined content. What was given back and is too small is forgotten. */
  take(bytes: number): Buffer<ArrayBuffer> {
    const spare = this.#spare.pop();
    return spare === undefined || spare.byteLength < bytes
      ? Buffer.allocUnsafeSlow(bytes)
      : Buffer.from(spare);
  }
}
