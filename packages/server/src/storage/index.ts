export {
  type DefragmentDataDirOptions,
  defragmentDataDir,
  type OpenedToDefragment,
} from "./defragment-data-dir.js";
export type { NewCluster, RestoreOptions } from "./snapshot/restore-options.js";
export { type RestoreReport, restoreSnapshot } from "./snapshot/restore-snapshot.js";
export { StorageError, type StorageErrorCode, type StorageErrorDetails } from "./storage-error.js";
export type { CreateWalOptions, OpenWalOptions, WalOptions } from "./wal/open-log.js";
export { type OpenedWal, Wal } from "./wal/wal.js";
