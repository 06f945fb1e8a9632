import type { Batch } from "./batch.js";
import { watchLimits } from "./limits.js";
import type { Recipients } from "./watcher.js";

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

  /** Where the `length` bytes of responses to all the recipients are; -1: nowhere. */
  find(recipients: Recipients, batch: Batch, length: number): number {
    let number = batch.repeats.newest;
    while (number >= this.#oldest) {
      const entry = this.#entries[number % watchLimits.repeatsMax]!;
      if (entry.length === length && hasIds(entry, recipients)) return entry.start;
      number = entry.before;
    }
    return -1;
  }

  /**
   * Makes room for the `length` bytes of responses to the watchers of `ids`, to be written at once.
   * @returns where; -1: this batch was asked for with so many different ids that nobody repeats it
   */
  add(ids: Uint8Array, { repeats }: Batch, length: number): number {
    if (repeats.count >= watchLimits.repeatsOfBatchMax) return -1;
    repeats.count++;
    const start = this.#makeRoom(length);
    const number = this.#next++;
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
}

interface Entry {
  readonly start: number;
  readonly length: number;
  readonly ids: Uint8Array;
  /** The entry of the same batch that was made before this. */
  readonly before: number;
}

const NO_BYTES = Buffer.alloc(0);

/** The next time the recipients are recognized by the array alone. */
function hasIds(entry: Entry, recipients: Recipients): boolean {
  const ids = recipients.ids!;
  const kept = entry.ids;
  if (kept === ids) return true;
  if (kept.length !== ids.length) return false;
  for (let i = 0; i < ids.length; i++) if (kept[i] !== ids[i]) return false;
  recipients.ids = kept;
  return true;
}
