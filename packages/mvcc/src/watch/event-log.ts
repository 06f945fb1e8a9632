import type { MainRevision } from "@kvorum/base";
import type { RevisionEvents, StoreEvent, WatchSource } from "../types.js";
import { watchLimits } from "./limits.js";
import { encodeEventField } from "./wire.js";

/** An event and its wire bytes, each made once, at first use. Lives for a dispatch or a turn. */
export class LoggedEvent {
  readonly event: StoreEvent;
  #plain: Uint8Array | undefined;
  #withPrevious: Uint8Array | undefined;

  constructor(event: StoreEvent) {
    this.event = event;
  }

  /** The element of `WatchResponse.events` without prev_kv. */
  plain(): Uint8Array {
    this.#plain ??= encodeEventField(this.event, undefined);
    return this.#plain;
  }

  /** The same with prev_kv, where the key existed before and that is not compacted. */
  withPrevious(source: WatchSource): Uint8Array {
    if (this.#withPrevious === undefined) {
      const { event } = this;
      const previous = event.isCreate
        ? undefined
        : source.keyValueAt(event.key, event.revision.main - 1);
      this.#withPrevious =
        previous === undefined ? this.plain() : encodeEventField(event, previous);
    }
    return this.#withPrevious;
  }
}

export interface LoggedRevision {
  readonly main: MainRevision;
  readonly events: readonly LoggedEvent[];
}

export function loggedRevision(revision: RevisionEvents): LoggedRevision {
  const events = revision.events.map((event) => new LoggedEvent(event));
  return { main: revision.main, events };
}

/** All revisions with events in [from, next), in order. */
export interface LogSlice {
  readonly from: MainRevision;
  readonly next: MainRevision;
  readonly revisions: readonly LoggedRevision[];
}

/**
 * The most recent revisions without a gap, bounded in number and bytes: a watcher that fell behind
 * for a moment goes on from here, and a history read that took a while is completed from here.
 * A ring of fixed size. It keeps what the store made and no wire bytes: those of a live event die
 * young, which the garbage collector rewards, and few are ever wanted again.
 */
export class EventLog {
  readonly #revisions: (RevisionEvents | undefined)[] = [];
  /** Counts that only grow; a revision's place is its count modulo the ring's size. */
  #first = 0;
  #end = 0;
  #bytes = 0;

  append(revision: RevisionEvents): void {
    if (this.#end - this.#first === SIZE) this.#evict();
    this.#revisions[this.#end % SIZE] = revision;
    this.#end++;
    this.#bytes += revisionBytes(revision);
    while (this.#bytes > watchLimits.recentBytesMax && this.#end - this.#first > 1) this.#evict();
  }

  /** Forgets everything: revisions may have passed without being appended. */
  clear(): void {
    while (this.#first < this.#end) this.#evict();
  }

  /** Nothing from `from` on is missing; of an empty log nothing is known. */
  reaches(from: MainRevision): boolean {
    const first = this.#revisions[this.#first % SIZE];
    return first !== undefined && first.main <= from;
  }

  /**
   * Everything from `from` up to `current`; undefined when the log doesn't reach back that far.
   * @param current the store's revision, which the log holds unless it is empty
   */
  since(from: MainRevision, current: MainRevision): LogSlice | undefined {
    if (from > current) return { from, next: from, revisions: [] };
    if (!this.reaches(from)) return undefined;
    let start = this.#end;
    while (start > this.#first && this.#revisions[(start - 1) % SIZE]!.main >= from) start--;
    const revisions: LoggedRevision[] = [];
    for (let i = start; i < this.#end; i++)
      revisions.push(loggedRevision(this.#revisions[i % SIZE]!));
    return { from, next: current + 1, revisions };
  }

  #evict(): void {
    const place = this.#first % SIZE;
    this.#bytes -= revisionBytes(this.#revisions[place]!);
    this.#revisions[place] = undefined;
    this.#first++;
  }
}

const SIZE = watchLimits.recentRevisionsMax;

/** The first index at or behind `start` whose revision is at least `main`. */
export function lowerBound(
  revisions: readonly LoggedRevision[],
  start: number,
  main: MainRevision,
): number {
  let low = start;
  let high = revisions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (revisions[middle]!.main < main) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** KeyValue bytes of a revision. */
export function revisionBytes(revision: RevisionEvents): number {
  let bytes = 0;
  for (const { kv } of revision.events) bytes += kv.length;
  return bytes;
}
