/** Bounds of the store, each with its unit and its source. */
export const limits = {
  /** Default of the committer: --backend-batch-interval of etcd. */
  commitIntervalMs: 100,
  /** Default of the committer: --backend-batch-limit of etcd. */
  commitOpsMax: 10_000,
  /**
   * Operations of one commit that are gathered in one synchronous stretch, of about 20 ms; a request
   * may change a million keys.
   */
  commitSliceOps: 50_000,
  /**
   * Bytes waiting in both generations of the write buffer above which `pressure` is on. At 30 MB/s
   * of writes the engine may stall for two seconds before proposals are slowed down.
   */
  bufferedBytesPressure: 64 * 1024 ** 2,
  /**
   * What one buffered or cached record costs beside its bytes: its Buffer and its slot, in bytes.
   */
  recordOverheadBytes: 120,
  /** Slabs of 64 KiB kept for the records of the next generations of the write buffer. */
  spareSlabsMax: 64,
  /**
   * Default byte bound of everything that is kept of the engine's records. Its parts hold 100,000
   * records of 300 bytes each, but for the recent ones, which every store that is written to fills.
   */
  valueCacheBytes: 88 * 1024 ** 2,
  /** The share of it for the newest records of single keys, `LatestRecords`. */
  latestShare: 3 / 8,
  /** The share of it for what was committed last; the rest is for what was read by revision. */
  recentShare: 1 / 8,
  /** Flushed generations that the value cache keeps at most; a bound for idle stores. */
  recentGenerationsMax: 1_024,
  /** Work units of one synchronous stretch of a range at most; see `rangeFetchUnits`. */
  rangeChunkUnits: 160_000,
  /** A key whose record is read costs this many units, one that is only counted costs 1. */
  rangeFetchUnits: 20,
  /** Records of one range behind which the others don't displace what the value cache holds. */
  rangeScanKeys: 2_000,
  /** The first chunk of a RangeStream, in keys. Source: etcd 3.7, RangeStream. */
  rangeStreamFirstKeys: 10,
  /** Index entries that one synchronous stretch of an index compaction looks at. */
  indexCompactionChunkKeys: 2_000,
  /** Default of the compactor: --compaction-batch-limit of etcd, in records. */
  compactionBatchLimit: 1_000,
  /** Default of the compactor: --compaction-sleep-interval of etcd. */
  compactionSleepMs: 10,
  /** Batches of about a mebibyte that a compaction takes from one view, and holds. */
  compactionViewBatches: 16,
  /**
   * In a busy store a compaction pauses at least this many times as long as it worked, in all
   * threads. Source: the goal of 90 % of the foreground's rate; half of it is left for the disk,
   * and a disk and two processors are shared with the clients.
   */
  compactionPauseFactor: 20,
  /**
   * The time of scanning a slice counts as work up to this many times the work on the slice.
   * Source: measured as 1 to 2 times on an idle machine.
   */
  compactionScanFactor: 3,
  /**
   * What the engine's commit spends on one deleted record, in milliseconds. Source: measured as
   * 0.3 us (leveldb) to 3 us (sqlite).
   */
  compactionDeletionMs: 0.002,
  /**
   * A compaction takes its time until as many revisions have come since its own as there are keys,
   * or this many; after twice as many it pauses no more. So the history of a busy store stays at a
   * few times its keys.
   */
  compactionPatienceMin: 100_000,
  /** Operations between two batches up to which a compaction counts the store as unused. */
  compactionIdleOperations: 20,
  /** Compaction hashes kept for HashKV. Source: etcd's hashStorageMaxSize. */
  compactionHashesMax: 10,
  /** Records hashed in one synchronous stretch. */
  hashChunkRecords: 1_000,
  /**
   * Records that a restore sorts together before it puts them into the index; with one batch of a
   * scan more at most 2^20. The first block is loaded in one go, so it should hold all of a store
   * of a million keys.
   */
  restoreBlockRecords: 2 ** 20 - 4_096,
} as const;
