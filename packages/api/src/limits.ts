/** Limits that both ends of the API keep to; each is a constant of etcd 3.7's source. */
export const limits = {
  /** Added to --max-request-bytes for a gRPC message and for a watch fragment. */
  grpcOverheadBytes: 524_288,
  /** --quota-backend-bytes 0 means this */
  quotaBytesDefault: 2 * 1024 ** 3,
  /** Cost of a put beside key and value, in quota bytes. */
  quotaPutOverheadBytes: 256,
  /** Cost of a lease grant, in quota bytes. */
  quotaLeaseBytes: 64,
  /** Longest TTL of a lease, in seconds. Source: etcd lease.MaxLeaseTTL. */
  leaseTtlSecondsMax: 9_000_000_000,
  /** A chunk of Maintenance.Snapshot */
  snapshotChunkBytes: 32 * 1024,
} as const;
