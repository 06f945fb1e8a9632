import { apiError } from "@kvorum/api";
import { bytesToLatin1, type Clock, type MainRevision } from "@kvorum/base";
import type { Pins } from "./pins.js";
import type { RecordReader } from "./record-reader.js";
import type { RecordStore } from "./record-store.js";
import type { Slab } from "./slab.js";
import type { KeyRange, TreeIndex } from "./tree-index.js";
import type { LeaseAttachments, WatchSink } from "./types.js";

/**
 * What has been done since the member started, for the metrics: a store that takes another's place
 * counts on.
 */
export interface StoreCounters {
  puts: number;
  /** Bytes of the keys and values put. */
  putBytes: number;
  deletes: number;
  ranges: number;
  /** Transactions of more than one operation, comparisons counted. */
  txns: number;
  /** Changes of keys told to the watch sink. */
  events: number;
  /** Records that compactions have deleted. */
  compactedRecords: number;
  /** When the last compaction ended, on the wall clock; 0 before the first. */
  lastCompactionMs: number;
}

export function noCounts(): StoreCounters {
  return {
    puts: 0,
    putBytes: 0,
    deletes: 0,
    ranges: 0,
    txns: 0,
    events: 0,
    compactedRecords: 0,
    lastCompactionMs: 0,
  };
}

/** Told how long the store's longer work took, in milliseconds; for the metrics. */
export interface StoreTimings {
  /** A compaction's work on a piece of the index: other work waited for it. */
  indexCompactionPiece(tookMs: number): void;
  /** A compaction's work on a slice of the records: other work waited for it. */
  compactionSlice(tookMs: number): void;
  /** A whole compaction, with its pauses. */
  compaction(tookMs: number): void;
  /** A hash of the whole store. */
  hash(tookMs: number): void;
  /** A hash at a revision, unless a compaction had made it. */
  hashByRevision(tookMs: number): void;
}

/** What the parts of one store share. Owned by `Store`; written only by it and its transactions. */
export interface StoreState {
  readonly index: TreeIndex;
  readonly records: RecordStore;
  readonly reader: RecordReader;
  readonly leases: LeaseAttachments;
  readonly watchSink: WatchSink | undefined;
  readonly clock: Clock;
  readonly pins: Pins;
  /** For what watchers are told of puts. */
  readonly slab: Slab;
  readonly counters: StoreCounters;
  readonly timings: StoreTimings | undefined;
  currentRevision: MainRevision;
  /** -1 when never compacted. */
  compactRevision: MainRevision;
}

/**
 * The revision that a read of `requested` sees; 0 and below mean the current one.
 * @throws ApiError futureRevision | compacted
 */
export function readableRevision(state: StoreState, requested: number, current: number): number {
  if (requested > current) throw apiError("futureRevision");
  const revision = requested <= 0 ? current : requested;
  if (revision < state.compactRevision) throw apiError("compacted");
  return revision;
}

/**
 * The keys that a request names by key and range_end, unless range_end is empty, which means one
 * key: "\0" means no upper bound, anything else the half-open range.
 */
export function toKeyRange(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  const isUnbounded = rangeEnd.length === 1 && rangeEnd[0] === 0;
  return { start: bytesToLatin1(key), end: isUnbounded ? undefined : bytesToLatin1(rangeEnd) };
}
