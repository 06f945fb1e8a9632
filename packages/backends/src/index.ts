export { type DirectoryLock, lockDirectory } from "./directory-lock.js";
export { ENGINE_NAMES, loadEngine } from "./load-engine.js";
export { MemoryDisk } from "./memory/disk.js";
export { createMemoryEngine, type MemoryEngineOptions } from "./memory/engine.js";
export {
  type Backend,
  BackendError,
  type BackendErrorCode,
  type BackendStat,
  BUCKETS,
  type Bucket,
  type Capabilities,
  COMMIT_OPS_MAX,
  type DefragmentProgress,
  type Engine,
  type Op,
  type OpenOptions,
  type PackedRecords,
  type ScanBatch,
  type ScanRange,
  type View,
} from "./port.js";
