/**
 * Sorts many items with work for others in between, stably: short runs by the native sort, then runs
 * are merged two by two.
 *
 *   | 3 7 | 1 9 | 2 8 | 4 |  ->  | 1 3 7 9 | 2 4 8 |  ->  | 1 2 3 4 7 8 9 |
 */
export class SteppedSort<Item> {
  readonly #compare: (left: Item, right: Item) => number;
  /** Holds sorted runs of `#width` items from `#at` on back; while 0, runs are still being made. */
  #items: Item[];
  #width = 0;
  /** Where the next pass puts the items, and how many of them it has put there. */
  #merged: Item[] = [];
  #at = 0;
  /** Of the two runs that are being merged: what is next in each, and where each ends. */
  #left = 0;
  #leftEnd = 0;
  #right = 0;
  #rightEnd = 0;

  /** @param items taken over */
  constructor(items: Item[], compare: (left: Item, right: Item) => number) {
    this.#items = items;
    this.#compare = compare;
  }

  /** In order once `step` has returned true. */
  get items(): Item[] {
    return this.#items;
  }

  /** Brings about `most` items to a new place. @returns whether all are in order */
  step(most: number): boolean {
    let left = most;
    while (left > 0) {
      if (this.#width === 0) left -= this.#sortRun();
      else if (this.#width >= this.#items.length) return true;
      else left -= this.#mergeSome(left);
    }
    return this.#width >= Math.max(1, this.#items.length);
  }

  #sortRun(): number {
    const items = this.#items;
    const start = this.#at;
    const end = Math.min(items.length, start + RUN);
    const run = items.slice(start, end).sort(this.#compare);
    for (let i = start; i < end; i++) items[i] = run[i - start]!;
    this.#at = end;
    if (end === items.length) {
      this.#at = 0;
      this.#width = RUN;
    }
    return end - start;
  }

  #mergeSome(most: number): number {
    const items = this.#items;
    const compare = this.#compare;
    const count = Math.min(most, items.length - this.#at);
    for (let i = 0; i < count; i++) {
      if (this.#at === this.#rightEnd) this.#nextPair();
      const isLeft =
        this.#right === this.#rightEnd ||
        (this.#left < this.#leftEnd && compare(items[this.#left]!, items[this.#right]!) <= 0);
      this.#merged[this.#at++] = items[isLeft ? this.#left++ : this.#right++]!;
    }
    if (this.#at === items.length) this.#endPass();
    return count;
  }

  #nextPair(): void {
    const { length } = this.#items;
    this.#left = this.#at;
    this.#leftEnd = Math.min(length, this.#left + this.#width);
    this.#right = this.#leftEnd;
    this.#rightEnd = Math.min(length, this.#right + this.#width);
  }

  #endPass(): void {
    const sorted = this.#merged;
    this.#merged = this.#items;
    this.#items = sorted;
    this.#width *= 2;
    this.#at = 0;
    this.#rightEnd = 0;
  }
}

/** Items that are sorted at once. */
const RUN = 256;
