/** Limits and periods of the traffic between members. */
export const peerLimits = {
  /** Default of `StreamTimeouts.readMs`. Source: etcd rafthttp DefaultConnReadTimeout. */
  streamReadTimeoutMs: 5_000,
  /** Default of `StreamTimeouts.writeMs`. Source: etcd DefaultConnWriteTimeout. */
  streamWriteTimeoutMs: 5_000,
  /** Link heartbeats in a read time-out, on an otherwise silent stream. Source: etcd ConnReadTimeout / 3. */
  linkHeartbeatsPerReadTimeout: 3,
  /** A probe without an answer has failed. */
  probeTimeoutMs: 5_000,
  /** How often silent and stuck streams are looked for. */
  streamCheckMs: 500,
  /** Between two dials of one stream. Source: etcd DialRetryFrequency. */
  redialMs: 100,
  /** Added to the election time-out for the time a connection may take. Source: etcd peerDialTimeout. */
  dialTimeoutBaseMs: 1_000,
  /** Messages written to one stream that the socket has not taken. Source: etcd streamBufSize. */
  streamQueueMessagesMax: 4_096,
  /** Bytes of them; above it messages are dropped, as by etcd when its channel is full. */
  streamQueueBytesMax: 64 * 1024 * 1024,
  /** Posts to one peer at the same time. Source: etcd connPerPipeline. */
  pipelinePostsMax: 4,
  /** Messages that wait for a post. Source: etcd pipelineBufSize. */
  pipelineQueueMessagesMax: 64,
  /** Bytes of entries among them. */
  pipelineQueueBytesMax: 64 * 1024 * 1024,
  /** A post without an answer is given up; etcd waits for ever. */
  pipelineTimeoutMs: 10_000,
  /** One message on a stream or in a post. Source: etcd's limit of the message stream's decoder. */
  messageBytesMax: 512 * 1024 * 1024,
  /** The message at the head of a snapshot. Source: etcd snapshotLimitByte. */
  snapshotMessageBytesMax: 64 * 1024 * 1024,
  /** Snapshots being sent, and as many being received. Source: etcd maxInFlightMsgSnap. */
  snapshotsInFlightMax: 16,
  /** A snapshot whose bytes the far end does not take for this long has failed. */
  snapshotStallMs: 30_000,
  /** From a snapshot's last byte to the answer: the receiver syncs the file first. */
  snapshotAnswerTimeoutMs: 300_000,
  /** Members known only from the headers of their requests. */
  remotesMax: 128,
  /** Body of an answer that is either empty or an error's text. */
  answerBytesMax: 64 * 1024,
  /** Period of the probes of each peer. Source: etcd proberInterval. */
  probeMs: 4_000,
  /** After an unhealthy probe, until its state is logged again. Source: etcd statusErrorInterval. */
  probeLogUnhealthyMs: 5_000,
  /** The same while all is well. Source: etcd statusMonitoringInterval. */
  probeLogHealthyMs: 30_000,
  /** Difference of two members' clocks that is worth a line in the log. Source: etcd monitorProbingStatus. */
  clockDriftMs: 1_000,
  /** Body of a lease request or of a hash request. Source: etcd maxLeaseHTTPRequestSize. */
  requestBodyBytesMax: 64 * 1024,
  /** Body of a lease answer, which may hold all keys of a lease. Source: etcd maxLeaseHTTPResponseSize. */
  leaseAnswerBytesMax: 100 * 1024 * 1024,
  /** Body of GET /members. */
  membersBytesMax: 4 * 1024 * 1024,
  /** An accepted connection on which nothing happens; as long as any answer may take. */
  connectionIdleTimeoutMs: 300_000,
  /** Entry data of at least this size is handed to the socket as it is; below, a copy is cheaper. */
  referencedDataBytesMin: 8 * 1024,
} as const;
