import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { LEVELDB_MEASURE_BYTES } from "../limits.js";

/** The estimate may be wrong by one such part of the store. */
const MEASURE_PARTS = 32;

/**
 * The size of a directory, cheap to ask: the last measurement plus what was committed since. Every
 * few megabytes, or parts of a large store, it is measured again in the background, because compaction changes it.
 */
export class DirectorySize {
  readonly #directory: string;
  #measuredBytes = 0;
  #grownBytes = 0;
  #measuring: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  get bytes(): number {
    return this.#measuredBytes + this.#grownBytes;
  }

  /** Counts a commit and starts a measurement when enough has come together. */
  grow(bytes: number): void {
    this.#grownBytes += bytes;
    // A measurement looks at every file, so a large store, where it matters less, has fewer.
    const enough = Math.max(LEVELDB_MEASURE_BYTES, this.#measuredBytes / MEASURE_PARTS);
    if (this.#grownBytes < enough || this.#measuring !== undefined) return;
    // A failure leaves the estimate; the next commit tries again.
    void this.measure().catch(() => {});
  }

  measure(): Promise<void> {
    this.#measuring ??= this.#measure().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  /** Resolves when no measurement is under way. */
  async settled(): Promise<void> {
    await this.#measuring?.catch(() => {});
  }

  async #measure(): Promise<void> {
    const counted = this.#grownBytes;
    let total = 0;
    for (const name of await readdir(this.#directory)) {
      try {
        total += (await stat(join(this.#directory, name))).size;
      } catch (error) {
        // Compaction removes files at any time.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
    this.#measuredBytes = total;
    this.#grownBytes -= counted;
  }
}
