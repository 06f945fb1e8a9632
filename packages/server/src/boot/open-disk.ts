import { join } from "node:path";
import type { Backend } from "@kvorum/backends";
import type { FileSystem } from "@kvorum/base";
import type { MemberOptions } from "../member-options.js";
import { type DataDir, openDataDir } from "../storage/data-dir.js";
import { createLog, type OpenedRaftLog, openExistingLog } from "./open-log.js";
import { type Position, readPosition } from "./position.js";

/** What a member has on its disk, opened and locked. */
export interface OpenedDisk {
  /** Locked as long as the member runs. */
  readonly dataDir: DataDir;
  readonly backend: Backend;
  /** What the engine's content stands for. */
  readonly position: Position;
  readonly log: OpenedRaftLog;
}

/** Files of snapshots that were being made when the process ended. */
async function removeLeftovers(fs: FileSystem, snapDirectory: string): Promise<void> {
  for (const name of await fs.list(snapDirectory)) {
    if (name.startsWith("tmp")) await fs.remove(join(snapDirectory, name));
  }
}

/**
 * Locks the data directory and opens engine and log, making both when the directory is new. What
 * was opened is closed again when a later step fails.
 * @throws StorageError | BackendError naming the directory or file and what to do
 */
export async function openDisk(options: MemberOptions): Promise<OpenedDisk> {
  const { fs, engine } = options;
  const dataDir = await openDataDir({
    fs,
    dataDir: options.dataDir,
    walDir: options.walDir,
    engine: engine.name,
  });
  await removeLeftovers(fs, dataDir.snapDirectory);
  let backend: Backend | undefined;
  try {
    backend = await engine.open({ directory: dataDir.engineDirectory });
    const opened = backend;
    const position = readPosition((bucket, key) => opened.get(bucket, key));
    const log = dataDir.hasWal
      ? await openExistingLog(options, dataDir.walDirectory, position.index)
      : await createLog(options, dataDir.walDirectory);
    return { dataDir, backend, position, log };
  } catch (error) {
    await backend?.close();
    await dataDir.release();
    throw error;
  }
}
