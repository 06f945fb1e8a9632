/**
 * The main revisions that a compaction keeps at sub 0, as sorted runs of 8 bytes each. They are
 * added in any order (the index yields them by key) and then asked for in ascending order (the
 * records are scanned by revision), so each run needs only one cursor, and no set is built.
 */
export class KeptRevisions {
  readonly #runs: Float64Array[] = [];
  readonly #cursors: number[] = [];
  #filling = new Float64Array(RUN_LENGTH);
  #filled = 0;

  add(main: number): void {
    if (this.#filled === RUN_LENGTH) this.#endRun();
    this.#filling[this.#filled++] = main;
  }

  /** Call once, after the last `add` and before the first `has`. */
  seal(): void {
    this.#endRun();
  }

  /** `main` must not be below that of an earlier call. */
  has(main: number): boolean {
    let isKept = false;
    for (let r = 0; r < this.#runs.length; r++) {
      const run = this.#runs[r]!;
      let cursor = this.#cursors[r]!;
      while (cursor < run.length && run[cursor]! < main) cursor++;
      this.#cursors[r] = cursor;
      if (run[cursor] === main) isKept = true;
    }
    return isKept;
  }

  #endRun(): void {
    const run = this.#filling.slice(0, this.#filled).sort();
    this.#runs.push(run);
    this.#cursors.push(0);
    this.#filled = 0;
  }
}

/** Sorting one run takes a few milliseconds, which may not be much more: the event loop waits. */
const RUN_LENGTH = 65_536;
