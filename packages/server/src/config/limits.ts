import { limits } from "@kvorum/api";

/** Limits of the configuration, and what a flag's 0 stands for. Source: etcd 3.7 unless noted. */
export const configLimits = {
  /** embed.maxElectionMs */
  electionTimeoutMsMax: 50_000,
  /** Heartbeats that must fit into an election timeout. */
  electionHeartbeatsMin: 5,
  /** Lower bound of --raft-read-timeout and --raft-write-timeout. */
  raftTimeoutMsMin: 5_000,
  /** --backend-batch-interval 0 */
  batchIntervalMsDefault: 100,
  /** --backend-batch-limit 0 */
  batchOpsDefault: 10_000,
  /** --quota-backend-bytes 0 */
  quotaBytesDefault: limits.quotaBytesDefault,
  /** Above this --max-request-bytes is warned about. */
  requestBytesRecommendedMax: 10 * 1024 * 1024,
  /** --compaction-batch-limit 0 */
  compactionBatchRevisionsDefault: 1_000,
  /** --compaction-sleep-interval 0 */
  compactionSleepMsDefault: 10,
  /** --watch-progress-notify-interval 0 */
  watchProgressNotifyMsDefault: 600_000,
  /** --warning-unary-request-duration 0 */
  warningUnaryRequestMsDefault: 300,
  /** --bcrypt-cost outside of these means the default cost of 10. */
  bcryptCostMin: 4,
  bcryptCostMax: 31,
  bcryptCostDefault: 10,
} as const;
