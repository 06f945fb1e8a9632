import type { MainRevision } from "@kvorum/base";
import type { Cohort, ResponseKind } from "./selector.js";
import type { WatchStream } from "./watch-stream.js";

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
  readonly stream: WatchStream;
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
