/** Periods of automatic compaction. */
export const compactionLimits = {
  /** The longest pause between two compactions of mode "periodic". Source: etcd v3compactor. */
  intervalMsMax: 3_600_000,
  /** Looks within such a pause. Source: etcd v3compactor retryDivisor. */
  looksPerInterval: 10,
  /** Pause between two compactions of mode "revision". Source: etcd v3compactor revInterval. */
  revisionIntervalMs: 300_000,
} as const;
