/** Bounds of the consensus core that no option sets. */
export const raftLimits = {
  /** Read requests waiting for a quorum; further ones are refused. Source: own choice. */
  pendingReadsMax: 65_536,
  /** Slots of compacted entries the log keeps before it moves the rest. Source: measured, 8 KiB. */
  deadSlotsMin: 1_024,
} as const;
