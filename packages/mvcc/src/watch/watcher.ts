import type { MainRevision } from "@kvorum/base";
import type { Batch } from "./batch.js";
import type { LoggedEvent } from "./event-log.js";

/**
 * What the hub knows of its watchers. The records name one another:
 * ```
 *                 (keys)        (options)        (a stream's)
 *  SelectorIndex -----> Selector -----> ResponseKind -----> Cohort -----> Watcher
 *                                                              \            /
 *                                                               '-> stream <-'
 * ```
 * A dispatch goes from left to right; a watcher that ends goes back by its own fields.
 */

/**
 * ```
 *            start <= current                    history or the log reaches the present
 *  create ----------------------> lagging <----------------------------------.
 *    |  \                          |   ^  \______________________________     |
 *    |   \ start > current + 1     |   |  the stream keeps too much        \  v
 *    |    `------> future ---------|---|----- its revision comes ------> synced
 *    |                             v   '---------- snapshot installed -------'
 *    `------ start = 0 or the next revision ------------------------------->'
 *                              compacted   (the id stays taken until the client cancels it)
 * ```
 */
export type WatcherState = "synced" | "future" | "lagging" | "compacted" | "closed";

export interface Watcher {
  readonly id: bigint;
  /** The encoded `watch_id` field. */
  readonly idField: Uint8Array;
  readonly stream: HubStream;
  readonly kind: ResponseKind;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
  /** As asked for; 0 is "from now". */
  readonly startRevision: MainRevision;
  state: WatcherState;
  /** Of a lagging or future watcher: the first revision it was not given yet. */
  next: MainRevision;
  /** Of a synced watcher: where live events find it, and its place there. */
  cohort: Cohort | undefined;
  slot: number;
  /** No event was sent since the last tick of the progress clock. */
  quiet: boolean;
}

/**
 * The keys that a watcher asks for, one character a byte: exactly `key`, or from `key` on up to
 * `end`, exclusive ("" is: without bound). One object for all watchers that ask for the same.
 */
export interface Selector {
  readonly key: string;
  /** undefined: the single key. "": every key from `key` on. */
  readonly end: string | undefined;
  /** Watchers of any state; at 0 the selector leaves the index. */
  watchers: number;
  /** One for each kind of answer wanted. */
  readonly kinds: ResponseKind[];
  /** Scratch of a dispatch: the events of one revision that match. */
  readonly matched: LoggedEvent[];
}

/** Watchers of one selector that get the same events, byte for byte. */
export interface ResponseKind {
  readonly selector: Selector;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** Synced watchers only. */
  readonly cohorts: Cohort[];
}

/**
 * Synced watchers of one stream and one kind whose id fields have one length: their responses have
 * one length too, so that all are made by copying the first and patching the ids.
 * `watchers` only grows while the stream has undelivered events; the delivery notes how many of
 * them it is meant for.
 */
export interface Cohort {
  readonly kind: ResponseKind;
  readonly stream: HubStream;
  readonly watchers: Watcher[];
  readonly idLength: number;
  /** The id fields of `watchers`, back to back, with room behind them. */
  ids: Uint8Array;
  /** All of `watchers`, as deliveries name them; undefined since the cohort changed. */
  recipients: Recipients | undefined;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
  /** Its place in `kind.cohorts`. */
  slot: number;
}

/**
 * Watchers of one stream whose responses have one length: what a delivery is for. One object serves
 * every delivery of a cohort until that changes, so that a delivery takes no memory of its own.
 */
export interface Recipients {
  /** The first `count` of them are meant; a cohort may have grown since. */
  readonly watchers: Watcher[];
  /** The array is the delivery's own, not a cohort's. */
  readonly isOwn: boolean;
  count: number;
  readonly idLength: number;
  /**
   * Their id fields, back to back, in memory that nobody changes; undefined: to be taken from each of
   * them. Streams whose watchers have the same ids come to name the same array; see `RepeatRing`.
   */
  ids: Uint8Array | undefined;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
}

/** A watch stream as the hub and the catch-up see it; `WatchStream` is the only one. */
export interface HubStream {
  /** The same object for streams whose outputs share a connection. */
  readonly group: object;
  /** It stands in the hub's `DirtyStreams`, whose field this is. */
  isDirty: boolean;
  /** It has lagging watchers and its output takes events. */
  readonly canCatchUp: boolean;
  /** In the order in which they are served. */
  readonly lagging: Iterable<Watcher>;
  /** Queues the events of a revision; the hub then hands over or lets the stream fall behind. */
  deliver(cohort: Cohort, batch: Batch): void;
  /** After a dispatch: the queue is brought within its bound. */
  settle(): void;
  /** Hands over what the output takes. */
  flush(): void;
  /** Gives a lagging watcher its next portion; with the last one it is synced. */
  advance(watcher: Watcher, batch: Batch | undefined, next: MainRevision): void;
  /** The history of a lagging watcher is gone: it ends, but its id stays taken. */
  compact(watcher: Watcher, compactRevision: MainRevision): void;
  /** Puts a watcher that stands at `next` where it belongs. */
  place(watcher: Watcher): void;
  /** A future watcher's revision is there, or a lagging one has reached the present. */
  join(watcher: Watcher): void;
  /** All synced watchers go back to reading the history from `next` on. */
  desync(next: MainRevision): void;
  /** Ends all watchers without a word; idempotent. */
  close(): void;
}
