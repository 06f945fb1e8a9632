import type { Prng } from "@kvorum/base";

/** Values are windows into this much random data, so that no two near each other share a run. */
const POOL_BYTES = 1024 * 1024;

/**
 * Values of one size. The first `entropy` of each is random and different in every put, the rest is
 * the same in all: 1 can't be compressed, 0.3 compresses as configuration and manifests do.
 */
export class ValuePool {
  readonly valueBytes: number;
  readonly #randomBytes: number;
  readonly #prng: Prng;
  readonly #pool: Buffer;
  readonly #fill: Buffer;

  constructor(options: {
    readonly valueBytes: number;
    /** 0 to 1. */
    readonly entropy: number;
    readonly prng: Prng;
  }) {
    this.valueBytes = options.valueBytes;
    this.#randomBytes = Math.round(options.valueBytes * options.entropy);
    this.#prng = options.prng;
    this.#pool = Buffer.allocUnsafe(POOL_BYTES + this.#randomBytes);
    for (let i = 0; i + 4 <= this.#pool.length; i += 4) {
      this.#pool.writeUInt32LE(options.prng.below(2 ** 32), i);
    }
    this.#fill = Buffer.alloc(this.valueBytes - this.#randomBytes, "apiVersion: v1, kind: Pod; ");
  }

  /** Writes a value at `at`; returns the offset behind it. */
  write(into: Buffer, at: number): number {
    const from = this.#prng.below(POOL_BYTES);
    this.#pool.copy(into, at, from, from + this.#randomBytes);
    if (this.#fill.length > 0) this.#fill.copy(into, at + this.#randomBytes);
    return at + this.valueBytes;
  }
}
