/** Limits and periods of etcd 3.7's defaults; each is a flag's default or a constant of its source. */
export const limits = {
  /** --max-request-bytes */
  requestBytesMax: 1_572_864,
  /** Added to --max-request-bytes for a gRPC message and for a watch fragment. */
  grpcOverheadBytes: 524_288,
  /** --max-txn-ops */
  txnOpsMax: 128,
  /** --quota-backend-bytes 0 means this */
  quotaBytesDefault: 2 * 1024 ** 3,
  /** Above this a quota is only warned about. */
  quotaBytesRecommendedMax: 8 * 1024 ** 3,
  /** Cost of a put beside key and value, in quota bytes. */
  quotaPutOverheadBytes: 256,
  /** Cost of a lease grant, in quota bytes. */
  quotaLeaseBytes: 64,
  /** Entries committed and not yet applied above which proposals are refused. */
  applyGapEntriesMax: 5_000,
  leaseTtlSecondsMax: 9_000_000_000,
  /** A chunk of Maintenance.Snapshot */
  snapshotChunkBytes: 32 * 1024,
  /** The first chunk of a RangeStream */
  rangeStreamFirstLimit: 10,
} as const;
