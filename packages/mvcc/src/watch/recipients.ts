import type { Batch } from "./batch.js";
import type { Cohort } from "./selector.js";
import type { Watcher } from "./watcher.js";

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

/** Those that are in a cohort now. */
export function recipientsOf(cohort: Cohort): Recipients {
  const { watchers, idLength, fragment, progressNotify } = cohort;
  const count = watchers.length;
  const ids = cohort.ids.slice(0, count * idLength);
  return { watchers, isOwn: false, count, idLength, ids, fragment, progressNotify };
}

/** One watcher alone; others of the same form may be added while they wait. */
export function singleRecipient(watcher: Watcher): Recipients {
  return {
    watchers: [watcher],
    isOwn: true,
    count: 1,
    idLength: watcher.idField.length,
    ids: undefined,
    fragment: watcher.fragment,
    progressNotify: watcher.progressNotify,
  };
}

/** The length of one response to them, without gRPC's prefix. */
export function responseSize({ idLength }: Recipients, batch: Batch): number {
  return batch.length + idLength;
}
