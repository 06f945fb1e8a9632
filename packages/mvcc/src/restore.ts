import type { View } from "@kvorum/backends";
import { type Clock, utf8 } from "@kvorum/base";
import type { FoundRevision } from "./key-index.js";
import { KeyValueReader } from "./key-value.js";
import type { RecordStore } from "./record-store.js";
import {
  decodeMetaRevision,
  encodeRevisionKey,
  isTombstoneKey,
  revisionKeyMain,
  revisionKeySub,
} from "./revision-key.js";
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
  readonly clock: Clock;
}): Promise<RestoredStore> {
  const { records, leases } = options;
  const finished = decodeMetaRevision(records.get("meta", FINISHED_COMPACT_KEY));
  const scheduled = decodeMetaRevision(records.get("meta", SCHEDULED_COMPACT_KEY));
  const restorer = new Restorer();
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

class Restorer {
  readonly index = new TreeIndex();
  lastMain = 1;
  readonly #reader = new KeyValueReader();
  readonly #revision: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
  /** Leases of newest records; keys without one are absent. */
  readonly #leases = new Map<string, bigint>();

  async scan(view: View): Promise<void> {
    // Main revision 0 is no revision: etcd begins its scan at 1 too.
    for await (const { keys, values } of view.scan("key", { start: encodeRevisionKey(1, 0) })) {
      for (let i = 0; i < keys.length; i++) this.#enter(keys[i]!, values[i]!);
    }
  }

  attachLeases(leases: LeaseAttachments): void {
    for (const [key, lease] of this.#leases) {
      if (!leases.has(lease)) continue;
      this.index.attach(key, lease);
      leases.attach({ key, lease, previous: 0n });
    }
  }

  #enter(recordKey: Uint8Array, record: Uint8Array): void {
    const main = revisionKeyMain(recordKey);
    const sub = revisionKeySub(recordKey);
    const kv = this.#reader.read(record);
    const key = kv.keyText();
    this.lastMain = main;
    if (isTombstoneKey(recordKey)) {
      this.#enterTombstone(key, main, sub);
      return;
    }
    if (kv.lease !== 0n) this.#leases.set(key, kv.lease);
    else if (this.#leases.size !== 0) this.#leases.delete(key);
    const isCreation = kv.version === 1 && kv.createRevision === main && sub === 0;
    if (isCreation && this.index.restoreCreation(key, main)) return;
    if (this.index.isKnown(key)) {
      this.index.put(key, main, sub, 0n);
      return;
    }
    const revision = this.#revision;
    revision.main = main;
    revision.sub = sub;
    revision.created = kv.createRevision;
    revision.version = kv.version;
    this.index.restore(key, revision, { isTombstone: false });
  }

  #enterTombstone(key: string, main: number, sub: number): void {
    if (this.#leases.size !== 0) this.#leases.delete(key);
    // A second tombstone in a row says nothing new; etcd warns and goes on.
    if (this.index.isLive(key)) this.index.tombstone(key, main, sub);
    else if (!this.index.isKnown(key)) {
      const revision = { main, sub, created: 0, version: 1 };
      this.index.restore(key, revision, { isTombstone: true });
    }
  }
}
