import type { Clock, Timer } from "@kvorum/base";

/** What a deadline needs of its owner: the wheel links entries through themselves. */
export interface DeadlineEntry {
  readonly deadlineMs: number;
  wheelNext: DeadlineEntry | undefined;
  wheelPrevious: DeadlineEntry | undefined;
  /** The slot that holds the entry, or -1. */
  wheelSlot: number;
  /** Called once `deadlineMs` has passed; the entry is out of the wheel by then. */
  expire(): void;
}

const SLOTS = 512;

/**
 * The deadlines of all calls of a server: a hashed timing wheel (Varghese and Lauck, 1987, scheme
 * 6) with one timer for all, so that a call costs two list operations and no timer. An entry whose
 * deadline is more than a turn away stays in its slot until its turn comes. Fires up to one slot
 * late, never early.
 */
export class DeadlineWheel {
  readonly #clock: Clock;
  readonly #slotMs: number;
  readonly #heads: (DeadlineEntry | undefined)[] = new Array<DeadlineEntry | undefined>(SLOTS).fill(
    undefined,
  );
  #size = 0;
  #timer: Timer | undefined;
  /** The last slot number (not folded) that was looked at. */
  #lastTick = 0;

  constructor(clock: Clock, slotMs: number) {
    this.#clock = clock;
    this.#slotMs = slotMs;
  }

  get size(): number {
    return this.#size;
  }

  add(entry: DeadlineEntry): void {
    if (this.#timer === undefined) this.#start();
    // A deadline in the past goes into the next slot that will be looked at.
    const tick = Math.max(Math.ceil(entry.deadlineMs / this.#slotMs), this.#lastTick + 1);
    const slot = tick % SLOTS;
    const head = this.#heads[slot];
    entry.wheelSlot = slot;
    entry.wheelPrevious = undefined;
    entry.wheelNext = head;
    if (head !== undefined) head.wheelPrevious = entry;
    this.#heads[slot] = entry;
    this.#size++;
  }

  /** Safe to call for an entry that is not in the wheel. */
  remove(entry: DeadlineEntry): void {
    if (entry.wheelSlot < 0) return;
    const { wheelNext: next, wheelPrevious: previous } = entry;
    if (previous === undefined) this.#heads[entry.wheelSlot] = next;
    else previous.wheelNext = next;
    if (next !== undefined) next.wheelPrevious = previous;
    entry.wheelNext = undefined;
    entry.wheelPrevious = undefined;
    entry.wheelSlot = -1;
    this.#size--;
  }

  close(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }

  #start(): void {
    this.#lastTick = Math.floor(this.#clock.nowMs() / this.#slotMs);
    this.#timer = this.#clock.every(this.#slotMs, () => this.#advance());
  }

  #advance(): void {
    const nowMs = this.#clock.nowMs();
    const tick = Math.floor(nowMs / this.#slotMs);
    const first = Math.max(this.#lastTick + 1, tick - SLOTS + 1);
    this.#lastTick = tick;
    const expired: DeadlineEntry[] = [];
    for (let i = first; i <= tick; i++) {
      for (let entry = this.#heads[i % SLOTS]; entry !== undefined; entry = entry.wheelNext) {
        if (entry.deadlineMs <= nowMs) expired.push(entry);
      }
    }
    for (const entry of expired) {
      // One expiry may have removed another entry.
      if (entry.wheelSlot < 0) continue;
      this.remove(entry);
      entry.expire();
    }
    // The timer outlives a short pause between calls, and no longer than that.
    if (this.#size === 0) this.close();
  }
}
