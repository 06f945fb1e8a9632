import type { Batch } from "./batch.js";
import type { Cohort, Recipients, Watcher } from "./watcher.js";

/** One batch for watchers of one stream whose id fields have one length. */
export interface Delivery {
  readonly recipients: Recipients;
  readonly batch: Batch;
  /** How many of the recipients were given it. */
  readonly sent: number;
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
