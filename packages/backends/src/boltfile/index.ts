/** etcd's db file (bbolt pages) as a format: read, checked and bulk-written as streams. */
export type { BoltSource, WriteBoltOptions } from "./build-pages.js";
export { ChunkMemory } from "./chunk-memory.js";
export type { BoundedBucket, RecordSizeClass } from "./page-bound.js";
export { readFully } from "./page-reader.js";
export { type BoltFile, type ReadBoltOptions, readBoltFile } from "./read.js";
export { type SnapshotStatus, snapshotStatus } from "./snapshot-status.js";
export {
  SNAPSHOT_HASH_BYTES,
  snapshotFileStream,
  snapshotStream,
  snapshotStreamWithin,
} from "./snapshot-stream.js";
export {
  type VerifiedSnapshot,
  type VerifySnapshotOptions,
  verifySnapshotFile,
} from "./verify-snapshot.js";
export { type BoltStream, writeBoltFileTo } from "./write.js";
