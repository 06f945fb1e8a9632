export { BufferedBackend, type BufferedBackendOptions, type CommitPut } from "./committer.js";
export type { Compaction } from "./compactor.js";
export { MvccError, type MvccErrorCode } from "./error.js";
export type { Hashes, RevisionHash } from "./hasher.js";
export type { History } from "./history.js";
export type { DueCheckpoint } from "./lease/checkpoint-schedule.js";
export {
  type LeaseStatus,
  Lessor,
  type LessorCounters,
  type LessorOptions,
  type RenewCallback,
  type RenewRefusal,
} from "./lease/lessor.js";
export { limits as mvccLimits } from "./limits.js";
export type { RangeChunk } from "./range-stream.js";
export type { LatestRecord } from "./read-latest.js";
export { RecordSizes, type RemovedSizes, type SizeClass } from "./record-sizes.js";
export type { RecordStore } from "./record-store.js";
export { encodeRevisionKey, TOMBSTONE_KEY_BYTES } from "./revision-key.js";
export { Slab } from "./slab.js";
export { Store, type StoreOptions, type StoreStat } from "./store.js";
export type { StoreCounters, StoreTimings } from "./store-state.js";
export type {
  LeaseAttachments,
  Revision,
  RevisionEvents,
  StoreEvent,
  WatchSink,
  WatchSource,
} from "./types.js";
export type { WatchCounters, WatchOutput } from "./watch/output.js";
export { WatchHub, type WatchHubOptions } from "./watch/watch-hub.js";
export { WatchStream, type WatchStreamOptions } from "./watch/watch-stream.js";
export type { BufferedStore } from "./write-buffer-port.js";
