/** Bounds of the lessor, from etcd's server/lease/lessor.go. */
export const leaseLimits = {
  /** From this many leases on, a promotion spreads their expiry. etcd: defaultLeaseRevokeRate */
  spreadFrom: 1_000,
  /** Leases that may expire within a second after a promotion: three quarters of the revoke rate. */
  expiriesPerSecondMax: 750,
  /** An expired lease is handed out again after this. etcd: defaultExpiredleaseRetryInterval */
  expiredRetryMs: 3_000,
  /** Leases collected in one pass of 500 ms. etcd: leaseRevokeRate / 2 */
  expiredPerPassMax: 500,
  /** Checkpoints of one proposal. etcd: maxLeaseCheckpointBatchSize */
  checkpointsPerProposalMax: 1_000,
  /** A heap is cleared of dead entries when they are this many and half of all. Own figure. */
  deadEntriesMin: 1_000,
} as const;
