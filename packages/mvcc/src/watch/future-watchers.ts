import type { MainRevision } from "@kvorum/base";
import type { Watcher } from "./watcher.js";

/** Watchers whose first revision is yet to come; looked through only when one may be due. */
export class FutureWatchers {
  readonly #watchers = new Set<Watcher>();
  /** No watcher waits for less. */
  #nextMin = Number.POSITIVE_INFINITY;

  add(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#nextMin = Math.min(this.#nextMin, watcher.next);
  }

  delete(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.#nextMin = Number.POSITIVE_INFINITY;
  }

  /** Removes and returns those that wait for `main` or an earlier revision. */
  takeDue(main: MainRevision): readonly Watcher[] {
    if (main < this.#nextMin) return NONE;
    const due: Watcher[] = [];
    this.#nextMin = Number.POSITIVE_INFINITY;
    for (const watcher of this.#watchers) {
      if (watcher.next <= main) {
        due.push(watcher);
        this.#watchers.delete(watcher);
      } else {
        this.#nextMin = Math.min(this.#nextMin, watcher.next);
      }
    }
    return due;
  }
}

const NONE: readonly Watcher[] = [];
