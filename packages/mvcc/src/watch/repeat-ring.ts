import type { Delivery } from "./delivery-queue.js";
import { watchLimits } from "./limits.js";

/**
 * Responses as they were written for one stream, for the next streams whose watchers have the same
 * ids, as those of clients that do the same have. One piece of memory, used round and round: what
 * streams have to say lies there in the order in which they say it, so that a frame of many
 * revisions is one copy.
 * ```
 *         | entry 7 | entry 8 | free | entry 2 | entry 3 | ... | entry 6 | (rest) |
 *                              head ^  ^ oldest
 * ```
 * It keeps no batch alive: a batch names its newest entry by number, and numbers are not used again.
 */
export class RepeatRing {
  /** Of `watchLimits.repeatRingBytes` once there is an entry. */
  bytes: Buffer = NO_BYTES;
  /** Entry `n` is at `n % repeatsMax`; those from `#oldest` up to `#next` are there. */
  readonly #entries: Entry[] = [];
  #oldest = 0;
  #next = 0;
  #head = 0;

  /** Where the responses to all watchers of `delivery` are; -1: nowhere. */
  find(delivery: Delivery, length: number): number {
    let number = delivery.batch.repeats.newest;
    while (number >= this.#oldest) {
      const entry = this.#entries[number % watchLimits.repeatsMax]!;
      if (entry.length === length && hasIds(entry, delivery)) return entry.start;
      number = entry.before;
    }
    return -1;
  }

  /**
   * Makes room for the responses to all watchers of `delivery`, to be written at once.
   * @returns where; -1: this batch was asked for with so many different ids that nobody repeats it
   */
  add(delivery: Delivery, length: number): number {
    const { repeats } = delivery.batch;
    if (repeats.count >= watchLimits.repeatsOfBatchMax) return -1;
    repeats.count++;
    const start = this.#makeRoom(length);
    const number = this.#next++;
    const ids = this.#idsOf(delivery, number);
    const entry = { start, length, ids, before: repeats.newest };
    this.#entries[number % watchLimits.repeatsMax] = entry;
    repeats.newest = number;
    return start;
  }

  /** Forgets everything, and gives the memory back. */
  clear(): void {
    if (this.bytes.length === 0) return;
    this.bytes = NO_BYTES;
    this.#entries.length = 0;
    this.#oldest = this.#next;
    this.#head = 0;
  }

  /** Drops the entries that are in the way. */
  #makeRoom(length: number): number {
    if (this.bytes.length === 0) this.bytes = Buffer.allocUnsafeSlow(watchLimits.repeatRingBytes);
    if (this.#next - this.#oldest === watchLimits.repeatsMax) this.#oldest++;
    if (this.#head + length > this.bytes.length) {
      this.#dropBetween(this.#head, this.bytes.length);
      this.#head = 0;
    }
    const start = this.#head;
    this.#head = start + length;
    this.#dropBetween(start, this.#head);
    return start;
  }

  #dropBetween(start: number, end: number): void {
    while (this.#oldest < this.#next) {
      const entry = this.#entries[this.#oldest % watchLimits.repeatsMax]!;
      if (entry.start < start || entry.start >= end) return;
      this.#oldest++;
    }
  }

  /** A copy, since a cohort's table changes; but most entries have the ids of one shortly before. */
  #idsOf(delivery: Delivery, number: number): Uint8Array {
    const before = Math.max(this.#oldest, number - SAME_IDS_WITHIN);
    for (let i = number - 1; i >= before; i--) {
      const entry = this.#entries[i % watchLimits.repeatsMax]!;
      if (hasIds(entry, delivery)) return entry.ids;
    }
    return delivery.ids!.slice(0, delivery.count * delivery.idLength);
  }
}

/** What a batch knows of the ring. */
export interface BatchRepeats {
  /** The number of the entry made last, -1 before; it may be gone. */
  newest: number;
  /** How many were made. */
  count: number;
}

interface Entry {
  readonly start: number;
  readonly length: number;
  readonly ids: Uint8Array;
  /** The entry of the same batch that was made before this. */
  readonly before: number;
}

const NO_BYTES = Buffer.alloc(0);
/** A stream has as many deliveries of one batch as its ids have lengths, mostly one to three. */
const SAME_IDS_WITHIN = 4;

function hasIds(entry: Entry, { ids, count, idLength }: Delivery): boolean {
  const length = count * idLength;
  const kept = entry.ids;
  if (kept.length !== length) return false;
  for (let i = 0; i < length; i++) if (kept[i] !== ids![i]) return false;
  return true;
}
