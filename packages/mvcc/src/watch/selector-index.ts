import { IntervalTree } from "./interval-tree.js";
import type { Selector } from "./watcher.js";

/** Every selector in use: single keys in a map, ranges in an interval tree. */
export class SelectorIndex {
  readonly #keys = new Map<string, Selector>();
  readonly #ranges = new IntervalTree<Selector>();

  get size(): number {
    return this.#keys.size + this.#ranges.size;
  }

  /** The selector of these keys, with one more watcher; made when it is the first. */
  acquire(key: string, end: string | undefined): Selector {
    let selector = end === undefined ? this.#keys.get(key) : this.#ranges.find({ key, end });
    if (selector === undefined) {
      selector = { key, end, watchers: 0, kinds: [], matched: [] };
      if (end === undefined) this.#keys.set(key, selector);
      else this.#ranges.insert(selector);
    }
    selector.watchers++;
    return selector;
  }

  /** One watcher less. */
  release(selector: Selector): void {
    selector.watchers--;
    if (selector.watchers > 0) return;
    if (selector.end === undefined) this.#keys.delete(selector.key);
    else this.#ranges.remove(selector);
  }

  /** Appends every selector that selects `key` to `found`. */
  match(key: string, found: Selector[]): void {
    const exact = this.#keys.get(key);
    if (exact !== undefined) found.push(exact);
    if (this.#ranges.size > 0) this.#ranges.stab(key, found);
  }
}
