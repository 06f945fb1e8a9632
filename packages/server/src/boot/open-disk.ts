import { join } from "node:path";
import type { Backend } from "@kvorum/backends";
import type { FileSystem, LogIndex } from "@kvorum/base";
import type { MemberOptions } from "../member-options.js";
import type { Member } from "../membership/member.js";
import { type DataDir, openDataDir } from "../storage/data-dir.js";
import { StorageError } from "../storage/storage-error.js";
import { readValidSnapshots } from "../storage/wal/read-wal.js";
import { checkNotBootstrapped } from "./check-bootstrapped.js";
import { forceNewCluster } from "./force-new-cluster.js";
import { adopt, buildFromReceived, type InstallPlace } from "./install-snapshot.js";
import { findExistingCluster } from "./join-cluster.js";
import { createJoiningLog, createLog, type OpenedRaftLog, openExistingLog } from "./open-log.js";
import { type Position, readPosition } from "./position.js";

/** What a member has on its disk, opened and locked. */
export interface OpenedDisk {
  /** Locked as long as the member runs. */
  readonly dataDir: DataDir;
  readonly backend: Backend;
  /** What the engine's content stands for. */
  readonly position: Position;
  readonly log: OpenedRaftLog;
  /** The members of a cluster that is being joined; empty on every later start. */
  readonly remotes: readonly Member[];
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
    ...(options.lockDirectory === undefined ? {} : { lock: options.lockDirectory }),
  });
  await removeLeftovers(fs, dataDir.snapDirectory);
  let backend: Backend | undefined;
  try {
    backend = await engine.open({ directory: dataDir.engineDirectory });
    if (!dataDir.hasWal) {
      refuseLostLog(dataDir, positionOf(backend));
      const begun = await beginLog(options, dataDir.walDirectory);
      return { dataDir, backend, position: positionOf(backend), ...begun };
    }
    const snapshots = await readValidSnapshots(fs, dataDir.walDirectory);
    const newest = snapshots.at(-1);
    if (newest !== undefined && newest.index > positionOf(backend).index) {
      options.logger.info("Recovering from snapshot backend", { "snapshot-index": newest.index });
      await backend.close();
      backend = undefined;
      backend = await takeUpReceived({ fs, engine, dataDir }, newest.index);
    }
    const position = positionOf(backend);
    const found = await openExistingLog(options, {
      walDir: dataDir.walDirectory,
      start: snapshots.findLast((snapshot) => snapshot.index <= position.index),
    });
    const { logger } = options;
    const log = options.forceNewCluster
      ? await forceNewCluster(found, { consistentIndex: position.index, logger })
      : found;
    return { dataDir, backend, position, log, remotes: [] };
  } catch (error) {
    await backend?.close();
    await dataDir.release();
    throw error;
  }
}

/** An engine with content and no log: what was acknowledged last stood in the log. */
function refuseLostLog({ path, walDirectory }: DataDir, position: Position): void {
  if (position.index === 0) return;
  throw new StorageError(
    "NOT_FOUND",
    `${path} holds data up to index ${position.index}, but there is no log in ${walDirectory}. If ` +
      "the log is kept elsewhere, name that place with --wal-dir; if it was lost, remove this " +
      "member and add it again, or restore a snapshot. Nothing was changed.",
    { path: walDirectory },
  );
}

/** A new member founds a cluster with the others it is told of, or joins one that runs. */
async function beginLog(
  options: MemberOptions,
  walDir: string,
): Promise<Pick<OpenedDisk, "log" | "remotes">> {
  if (options.initialClusterState === "new") {
    const members = await options.initialCluster();
    await checkNotBootstrapped(options, members);
    return { log: await createLog(options, { walDir, members }), remotes: [] };
  }
  const existing = await findExistingCluster(options);
  return { log: await createJoiningLog(options, walDir, existing), remotes: existing.others };
}

function positionOf(backend: Backend): Position {
  return readPosition((bucket, key) => backend.get(bucket, key));
}

/** A snapshot of the leader was saved, but the process ended before the engine had taken it over. */
async function takeUpReceived(place: InstallPlace, index: LogIndex): Promise<Backend> {
  const { backend, directory } = await buildFromReceived(place, index);
  await adopt(place, index, directory);
  return backend;
}
