import type { BackendStat, DefragmentProgress, DirectoryLock, Engine } from "@kvorum/backends";
import type { FileSystem } from "@kvorum/base";
import { engineOf, openDataDir } from "./data-dir.js";
import { StorageError } from "./storage-error.js";

export interface DefragmentDataDirOptions {
  readonly fs: FileSystem;
  readonly dataDir: string;
  /** Loads the engine whose name the data directory holds. */
  readonly loadEngine: (name: string) => Promise<Engine>;
  /** Keeps other processes out; as `OpenDataDirOptions.lock`. */
  readonly lock?: (directory: string) => Promise<DirectoryLock>;
  /** The store is open and about to be defragmented. */
  readonly onOpened?: (store: OpenedToDefragment) => void;
  readonly onProgress?: (progress: DefragmentProgress) => void;
}

export interface OpenedToDefragment extends BackendStat {
  /** The engine's directory. */
  readonly path: string;
}

/**
 * Gives the unused space of a member's store back while no member runs there. The counterpart of
 * `etcdutl defrag`.
 * @returns the sizes afterwards
 * @throws StorageError "NOT_FOUND" when no member's data are there, those of `openDataDir`;
 *   BackendError
 */
export async function defragmentDataDir(options: DefragmentDataDirOptions): Promise<BackendStat> {
  const { fs, dataDir, lock, onOpened, onProgress } = options;
  const owner = await engineOf(fs, dataDir);
  if (owner === undefined) {
    throw new StorageError("NOT_FOUND", `${dataDir} holds no data of a member`, { path: dataDir });
  }
  const engine = await options.loadEngine(owner);
  const place = { fs, dataDir, engine: engine.name };
  const held = await openDataDir(lock === undefined ? place : { ...place, lock });
  try {
    const backend = await engine.open({ directory: held.engineDirectory });
    try {
      onOpened?.({ path: held.engineDirectory, ...backend.stat() });
      await backend.defragment((progress) => onProgress?.(progress));
      return backend.stat();
    } finally {
      await backend.close();
    }
  } finally {
    await held.release();
  }
}
