export {
  type DataDir,
  engineOf,
  type OpenDataDirOptions,
  openDataDir,
} from "./data-dir.js";
export { type DataDirPaths, dataDirPaths } from "./data-dir-paths.js";
export {
  decodeMembership,
  encodeMembership,
  type SnapMember,
  type SnapMembership,
} from "./snap/membership-json.js";
export { decodeSnapFile, encodeSnapFile } from "./snap/snap-file.js";
export {
  type LoadedSnap,
  readSnap,
  type SnapSearch,
  type SnapState,
  SnapStore,
  snapName,
} from "./snap/snap-store.js";
export { type ImportBoltOptions, type ImportReport, importBolt } from "./snapshot/import-bolt.js";
export type { NewCluster, RestoreOptions } from "./snapshot/restore-options.js";
export { type RestoreReport, restoreSnapshot } from "./snapshot/restore-snapshot.js";
export {
  type SaveSnapshotFileOptions,
  type SnapshotProgress,
  saveSnapshot,
  saveSnapshotFile,
} from "./snapshot/save-snapshot.js";
export type { SpoolPlace } from "./snapshot/spool-place.js";
export { StorageError, type StorageErrorCode, type StorageErrorDetails } from "./storage-error.js";
export type { CreateWalOptions, OpenWalOptions, WalOptions } from "./wal/open-log.js";
export {
  hasWal,
  type ReadWalOptions,
  readValidSnapshots,
  readWal,
  type WalContent,
  type WalStart,
} from "./wal/read-wal.js";
export type { WalMetadata, WalSnapshot } from "./wal/records.js";
export type { Repair } from "./wal/repair.js";
export { type OpenedWal, Wal } from "./wal/wal.js";
