import { type IndexEntry, KeyIndex } from "./key-index.js";

/**
 * A record of bucket "key" as the index needs it. One that creates its key, at sub 0, stands as its
 * main revision alone, which most records of a large store are.
 */
export type RestoredRecord =
  | number
  | {
      readonly main: number;
      readonly sub: number;
      readonly isTombstone: boolean;
      readonly created: number;
      readonly version: number;
    };

/**
 * The entry of a key after its next record, oldest first. Takes over `entry`, which is undefined
 * before the first one: what that says of creation and version holds for the records that a
 * compaction has removed.
 */
export function extendEntry(entry: IndexEntry | undefined, record: RestoredRecord): IndexEntry {
  if (entry === undefined) return typeof record === "number" ? record : firstEntry(record);
  const index = typeof entry === "number" ? KeyIndex.ofCreation(entry) : entry;
  if (typeof record === "number") index.put(record, 0, 0n);
  else if (!record.isTombstone) index.put(record.main, record.sub, 0n);
  // A second tombstone in a row says nothing new; etcd warns and goes on.
  else if (index.isLive) index.tombstone(record.main, record.sub);
  return index;
}

function firstEntry(record: Exclude<RestoredRecord, number>): IndexEntry {
  const { main, sub, created, version, isTombstone } = record;
  const index = new KeyIndex({ main, sub, created, version }, 0n);
  if (isTombstone) index.becomeTombstone();
  return index.single ?? index;
}
