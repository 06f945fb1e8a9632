/** Limits and periods of the node itself; the API's own stand in `@kvorum/api`. */
export const serverLimits = {
  /** The gap between committed and applied entries above which proposals are refused. Source: etcd maxGapBetweenApplyAndCommitIndex. */
  applyGapEntriesMax: 5_000,
  /** Base of the request time-out, to which two election time-outs are added. Source: etcd ReqTimeout. */
  requestTimeoutBaseMs: 5_000,
  /** How often waiting proposals and reads are looked at for a time-out. */
  timeoutCheckMs: 100,
  /** Committed entries applied before other work of the event loop gets a turn. */
  applyEntriesPerTurnMax: 5_000,
  /** Proposals waiting for a leader; more are refused as too many requests. */
  proposalsWaitingMax: 100_000,
  /** Changes of members that clients of this member wait for; more are refused as too many requests. */
  confChangesWaitingMax: 1_000,
  /** Bytes of proposals that wait for the batch before theirs to be written; more are refused. */
  proposalsQueuedBytesMax: 256 * 1024 * 1024,
  /** Source: etcd maxSizePerMsg. */
  raftMessageBytesMax: 1024 * 1024,
  /** Source: etcd maxInflightMsgs. */
  raftInflightMessagesMax: 512,
  /** Entries of the log that are forgotten together, once no member needs them. */
  logTrimEntries: 500,
  /** Bytes of committed entries in one Ready. */
  raftCommittedBytesMax: 4 * 1024 * 1024,
  /** How often expired leases are looked for. Source: etcd lessor. */
  leaseExpiryCheckMs: 500,
  /** Lease revocations proposed and not yet applied. Source: etcd maxPendingRevokes. */
  leaseRevokesPendingMax: 16,
  /** How often what remains of a long lease is noted. Source: etcd lessor CheckpointInterval. */
  leaseCheckpointIntervalMs: 300_000,
  /** How often the storage version follows the cluster version. Source: etcd monitorVersionInterval. */
  versionMonitorMs: 4_000,
  /** How often superseded WAL segments and snapshot files are removed. Source: etcd purgeFileInterval. */
  purgeMs: 30_000,
  /** Connections that the system keeps for a port until they are accepted. */
  connectionBacklogMax: 1_024,
  /** Connections accepted before the member serves; it has joined its cluster by then. */
  earlyConnectionsMax: 512,
  /** A client that says nothing for this long after connecting is dropped. */
  firstBytesTimeoutMs: 10_000,
  /** From the first byte of an HTTP request to the end of its head. Source: Node's default. */
  requestHeadTimeoutMs: 60_000,
} as const;
