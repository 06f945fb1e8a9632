/**
 * A binary min-heap of items by time in ms. Nothing is ever removed from its middle: an owner whose
 * item has a later time by now notices when it comes to the top and puts it back.
 */
export class TimeHeap<Item> {
  /** Parallel arrays; numbers by themselves stay unboxed. */
  #times: number[] = [];
  #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** Infinity when empty. */
  get firstMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  push(timeMs: number, item: Item): void {
    let at = this.#items.length;
    this.#times.push(timeMs);
    this.#items.push(item);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#times[parent]! <= timeMs) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, timeMs, item);
  }

  /** Removes and returns the earliest item, if there is one. */
  pop(): Item | undefined {
    const first = this.#items[0];
    const timeMs = this.#times.pop();
    const item = this.#items.pop();
    if (timeMs === undefined || item === undefined || this.#items.length === 0) return first;
    const { length } = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#times[child + 1]! < this.#times[child]!) child++;
      if (this.#times[child]! >= timeMs) break;
      this.#move(child, at);
      at = child;
    }
    this.#set(at, timeMs, item);
    return first;
  }

  /** Leaves out every entry that `isLive` doesn't know any more. O(n log n). */
  sweep(isLive: (timeMs: number, item: Item) => boolean): void {
    const times = this.#times;
    const items = this.#items;
    this.clear();
    for (let i = 0; i < items.length; i++) {
      if (isLive(times[i]!, items[i]!)) this.push(times[i]!, items[i]!);
    }
  }

  clear(): void {
    this.#times = [];
    this.#items = [];
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from]!;
    this.#items[to] = this.#items[from]!;
  }

  #set(at: number, timeMs: number, item: Item): void {
    this.#times[at] = timeMs;
    this.#items[at] = item;
  }
}
