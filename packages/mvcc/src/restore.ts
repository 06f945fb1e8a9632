import type { View } from "@kvorum/backends";
import { utf8 } from "@kvorum/base";
import { BatchCursor } from "./batch-cursor.js";
import type { IndexEntry } from "./key-index.js";
import { orderOfTexts } from "./key-order.js";
import { KeyValueReader } from "./key-value.js";
import { limits } from "./limits.js";
import type { RecordSizes } from "./record-sizes.js";
import type { RecordStore } from "./record-store.js";
import { extendEntry, type RestoredRecord } from "./restored-entry.js";
import { decodeMetaRevision } from "./revision-key.js";
import { TreeIndex } from "./tree-index.js";
import type { LeaseAttachments } from "./types.js";

export const SCHEDULED_COMPACT_KEY = utf8("scheduledCompactRev");
export const FINISHED_COMPACT_KEY = utf8("finishedCompactRev");

export interface RestoredStore {
  readonly index: TreeIndex;
  readonly currentRevision: number;
  /** -1 when never compacted. */
  readonly compactRevision: number;
  /** A compaction that was scheduled and not finished; -1 when there is none. */
  readonly resumeCompactionAt: number;
}

/**
 * Rebuilds the treeIndex from the records of bucket "key", in revision order, and attaches each key
 * to the lease that its newest record names, when that lease exists. Source: etcd's store.restore.
 */
export async function restoreStore(options: {
  readonly records: RecordStore;
  readonly leases: LeaseAttachments;
}): Promise<RestoredStore> {
  const { records, leases } = options;
  const finished = decodeMetaRevision(records.get("meta", FINISHED_COMPACT_KEY));
  const scheduled = decodeMetaRevision(records.get("meta", SCHEDULED_COMPACT_KEY));
  const restorer = new Restorer(records.sizes);
  const view = await records.view();
  try {
    await restorer.scan(view);
  } finally {
    await view.close();
  }
  restorer.attachLeases(leases);
  return {
    index: restorer.index,
    currentRevision: Math.max(restorer.lastMain, finished, scheduled, 1),
    compactRevision: finished,
    resumeCompactionAt: scheduled > finished ? scheduled : -1,
  };
}

/**
 * Enters records block by block, each block in key order: the first block makes the index in one
 * go, later ones walk it from leaf to leaf, which is several times faster than entering keys at
 * random. A key's records stay in revision order.
 */
class Restorer {
  readonly index = new TreeIndex();
  lastMain = 1;
  readonly #reader = new KeyValueReader();
  /** Leases of newest records; keys without one are absent. */
  readonly #leases = new Map<string, bigint>();
  #hasLoaded = false;
  #keys: string[] = [];
  #records: RestoredRecord[] = [];
  readonly #sizes: RecordSizes;

  constructor(sizes: RecordSizes) {
    this.#sizes = sizes;
  }

  /** One scan of the whole bucket: an engine that is still to be checked is whole at its end. */
  async scan(view: View): Promise<void> {
    for await (const batch of view.scan("key")) {
      const cursor = new BatchCursor(batch);
      for (let i = 0; i < cursor.count; i++) {
        cursor.moveTo(i);
        this.#sizes.put(cursor.bytes);
        // Main revision 0 is no revision: etcd begins its scan at 1.
        if (cursor.main !== 0) this.#gather(cursor);
      }
      batch.packed?.recycle?.();
      if (this.#keys.length >= limits.restoreBlockRecords) this.#enterBlock();
    }
    this.#enterBlock();
  }

  attachLeases(leases: LeaseAttachments): void {
    for (const [key, lease] of this.#leases) {
      if (!leases.has(lease)) continue;
      this.index.attach(key, lease);
      leases.attach({ key, lease, previous: 0n });
    }
  }

  #gather(cursor: BatchCursor): void {
    const { main, sub, isTombstone, recordBytes, recordStart, recordEnd } = cursor;
    const reader = this.#reader.readAt(recordBytes, recordStart, recordEnd);
    const { createRevision: created, version, lease } = reader;
    const key = reader.keyText();
    this.lastMain = main;
    if (lease !== 0n && !isTombstone) this.#leases.set(key, lease);
    else if (this.#leases.size !== 0) this.#leases.delete(key);
    this.#keys.push(key);
    const isCreation = version === 1 && created === main && sub === 0 && !isTombstone;
    this.#records.push(isCreation ? main : { main, sub, isTombstone, created, version });
  }

  #enterBlock(): void {
    const isFirst = !this.#hasLoaded;
    const keys: string[] = [];
    const entries: IndexEntry[] = [];
    const order = orderOfTexts(this.#keys);
    for (let i = 0; i < order.length; ) {
      const key = this.#keys[order[i]!]!;
      let entry = isFirst ? undefined : this.index.entry(key);
      const wasLive = entry !== undefined && (typeof entry === "number" || entry.isLive);
      for (; i < order.length && this.#keys[order[i]!] === key; i++) {
        entry = extendEntry(entry, this.#records[order[i]!]!);
      }
      if (isFirst) {
        keys.push(key);
        entries.push(entry!);
      } else this.index.setEntry(key, entry!, { wasLive });
    }
    if (isFirst) this.index.load(keys, entries);
    this.#hasLoaded = true;
    this.#keys = [];
    this.#records = [];
  }
}
