import {
  apiError,
  type etcdserverpb,
  type RawDeleteRangeResponse,
  type RawKeyValue,
  type RawPutResponse,
  type RawRangeResponse,
  type RawTxnResponse,
} from "@kvorum/api";
import type { Clock, MainRevision } from "@kvorum/base";
import { type Compaction, Compactor } from "./compactor.js";
import { Hasher, type Hashes, type RevisionHash } from "./hasher.js";
import { type History, readHistory } from "./history.js";
import type { FoundRevision } from "./key-index.js";
import { limits } from "./limits.js";
import { Pins } from "./pins.js";
import { rangeInChunks } from "./range.js";
import { type RangeChunk, rangeChunks } from "./range-stream.js";
import { type LatestRecord, readLatest } from "./read-latest.js";
import { RecordReader } from "./record-reader.js";
import type { RecordStore } from "./record-store.js";
import { restoreStore } from "./restore.js";
import { Slab } from "./slab.js";
import {
  noCounts,
  readableRevision,
  type StoreCounters,
  type StoreState,
  type StoreTimings,
} from "./store-state.js";
import { applyTxn, checkTxn, chooseBranches, hasManyOperations, readTxn } from "./txn-apply.js";
import type { LeaseAttachments, WatchSink, WatchSource } from "./types.js";
import { checkPut, WriteTransaction } from "./write-transaction.js";

export interface StoreOptions {
  readonly backend: RecordStore;
  readonly clock: Clock;
  readonly leases: LeaseAttachments;
  readonly watchSink?: WatchSink | undefined;
  readonly valueCacheBytes?: number;
  /** Records that a compaction looks at between two pauses. */
  readonly compactionBatchLimit?: number;
  readonly compactionSleepMs?: number;
  /** Those of the store whose place this one takes, to count on; a new count when absent. */
  readonly counters?: StoreCounters | undefined;
  readonly timings?: StoreTimings | undefined;
  readonly log?: ((message: string, fields: Readonly<Record<string, unknown>>) => void) | undefined;
}

export interface StoreStat extends Readonly<StoreCounters> {
  /** Keys that exist at the current revision. */
  readonly keys: number;
  readonly currentRevision: MainRevision;
  readonly compactRevision: MainRevision;
  readonly isCompacting: boolean;
}

/**
 * The multi-version store: keys, revisions, transactions, compaction (etcd's mvcc). Writes are
 * synchronous and serial; each one that changes anything makes one main revision. Request objects
 * and their bytes are borrowed for the call; replies hold stored bytes, which nobody may change.
 */
export class Store implements WatchSource {
  readonly #state: StoreState;
  readonly #compactor: Compactor;
  readonly #hasher: Hasher;

  /** Rebuilds the index from the engine and resumes a compaction that was cut short. */
  static async open(options: StoreOptions): Promise<Store> {
    const { backend: records, clock, leases } = options;
    const restored = await restoreStore({ records, leases });
    const store = new Store(options, {
      index: restored.index,
      records,
      reader: new RecordReader(records, options.valueCacheBytes ?? limits.valueCacheBytes),
      leases,
      watchSink: options.watchSink,
      clock,
      pins: new Pins(),
      slab: new Slab(),
      counters: options.counters ?? noCounts(),
      timings: options.timings,
      currentRevision: restored.currentRevision,
      compactRevision: restored.compactRevision,
    });
    options.log?.("kvstore restored", { "current-rev": restored.currentRevision });
    if (restored.resumeCompactionAt !== -1) store.#compactor.resume(restored.resumeCompactionAt);
    return store;
  }

  private constructor(options: StoreOptions, state: StoreState) {
    this.#state = state;
    this.#hasher = new Hasher(state);
    this.#compactor = new Compactor(state, {
      batchLimit: options.compactionBatchLimit ?? limits.compactionBatchLimit,
      sleepMs: options.compactionSleepMs ?? limits.compactionSleepMs,
      onHash: (hash) => this.#hasher.store(hash),
      log: options.log,
    });
  }

  get currentRevision(): MainRevision {
    return this.#state.currentRevision;
  }

  /** -1 when never compacted. */
  get compactRevision(): MainRevision {
    return this.#state.compactRevision;
  }

  /**
   * A read at one revision. Synchronous up to about a thousand records; a longer one goes on over
   * several turns, its revision pinned, and then `request` is borrowed until the promise settles.
   * @throws ApiError futureRevision | compacted
   */
  range(request: etcdserverpb.RangeRequest): RawRangeResponse | Promise<RawRangeResponse> {
    const { currentRevision, counters } = this.#state;
    const at = readableRevision(this.#state, request.revision, currentRevision);
    counters.ranges++;
    return rangeInChunks(this.#state, request, { at, headerRevision: currentRevision });
  }

  /**
   * As `range` of one key at the current revision, with no other field set: the record is put into
   * `into`. @returns false when the key does not exist
   */
  readLatest(
    key: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
    into: LatestRecord,
  ): boolean {
    this.#state.counters.ranges++;
    return readLatest(this.#state, key, into);
  }

  /**
   * The chunks of a RangeStream, pulled one by one, all at one revision, which stays pinned until
   * the generator is exhausted or returned.
   * @param requestBytesMax --max-request-bytes, the size that chunks aim at
   * @throws ApiError streamSortUnsupported | streamFilterUnsupported | futureRevision | compacted,
   *   at the first pull
   */
  rangeChunks(
    request: etcdserverpb.RangeRequest,
    requestBytesMax: number,
  ): Generator<RangeChunk, void, void> {
    this.#state.counters.ranges++;
    return rangeChunks(this.#state, request, requestBytesMax);
  }

  /** @throws ApiError leaseNotFound | keyNotFound, with nothing changed */
  put(request: etcdserverpb.PutRequest): RawPutResponse {
    checkPut(this.#state, request);
    const transaction = new WriteTransaction(this.#state);
    const response = transaction.put(request);
    transaction.end();
    return response;
  }

  deleteRange(request: etcdserverpb.DeleteRangeRequest): RawDeleteRangeResponse {
    const transaction = new WriteTransaction(this.#state);
    const response = transaction.deleteRange(request);
    transaction.end();
    return response;
  }

  /**
   * Compares, then the chosen branch, as one revision.
   * @throws ApiError futureRevision | compacted | leaseNotFound | keyNotFound, with nothing changed
   */
  txn(request: etcdserverpb.TxnRequest): RawTxnResponse {
    const chosen = chooseBranches(this.#state, request);
    checkTxn(this.#state, chosen);
    if (hasManyOperations(request, chosen)) this.#state.counters.txns++;
    const transaction = new WriteTransaction(this.#state);
    const response = applyTxn(this.#state, chosen, transaction);
    transaction.end();
    return response;
  }

  /**
   * A transaction of ranges only, read at the current revision.
   * @throws ApiError futureRevision | compacted
   */
  readTxn(request: etcdserverpb.TxnRequest): RawTxnResponse {
    const chosen = chooseBranches(this.#state, request);
    checkTxn(this.#state, chosen);
    if (hasManyOperations(request, chosen)) this.#state.counters.txns++;
    return readTxn(this.#state, chosen);
  }

  /**
   * Deletes those of `keys` that exist as one revision: a lease was revoked.
   * @param keys in byte order
   * @returns the revision for the header
   */
  deleteKeys(keys: readonly string[]): MainRevision {
    const transaction = new WriteTransaction(this.#state);
    for (const key of keys) if (this.#state.index.isLive(key)) transaction.delete(key);
    transaction.end();
    return this.#state.currentRevision;
  }

  /**
   * Makes `revision` the oldest readable one at once, and forgets in the background what only older
   * reads could see. `done` resolves when the engine has durably forgotten it.
   * @throws ApiError compacted | futureRevision
   */
  compact(revision: MainRevision): Compaction {
    if (revision <= this.#state.compactRevision) throw apiError("compacted");
    if (revision > this.#state.currentRevision) throw apiError("futureRevision");
    return this.#compactor.schedule(revision);
  }

  /** Resolves when no compaction is scheduled or running. */
  compactionsDone(): Promise<void> {
    return this.#compactor.idle();
  }

  /**
   * HashKV of `revision`, 0 meaning the current one. @throws ApiError compacted | futureRevision
   */
  hashKv(revision: MainRevision): Promise<Hashes> {
    return this.#hasher.hashKv(revision);
  }

  /** The CRC-32C of all buckets but what differs between members; for tests. */
  hash(): Promise<{ readonly hash: number; readonly revision: MainRevision }> {
    return this.#hasher.hashAll();
  }

  /** The hashes of the newest compactions, oldest first. */
  compactionHashes(): readonly RevisionHash[] {
    return this.#hasher.compactionHashes();
  }

  history(from: MainRevision, revisionsMax: number): Promise<History> {
    return readHistory(this.#state, from, revisionsMax);
  }

  keyValueAt(key: string, main: MainRevision): RawKeyValue | undefined {
    if (main < this.#state.compactRevision || !this.#state.index.find(key, main, found)) {
      return undefined;
    }
    return this.#state.reader.read(found.main, found.sub);
  }

  /** The counts themselves, for the store that takes this one's place. */
  get counters(): StoreCounters {
    return this.#state.counters;
  }

  stat(): StoreStat {
    const { index, currentRevision, compactRevision, counters } = this.#state;
    return {
      ...counters,
      keys: index.liveKeys,
      currentRevision,
      compactRevision,
      isCompacting: this.#compactor.isRunning,
    };
  }

  /**
   * Stops a compaction between two of its batches (it resumes at the next open), and resolves when
   * the reads under way have ended.
   */
  async close(): Promise<void> {
    await this.#compactor.stop();
    await this.#state.pins.released(Number.POSITIVE_INFINITY);
  }
}

const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
