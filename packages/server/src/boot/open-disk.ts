import { join } from "node:path";
import type { Backend } from "@kvorum/backends";
import type { FileSystem, LogIndex } from "@kvorum/base";
import type { MemberOptions } from "../member-options.js";
import type { Member } from "../membership/member.js";
import { type DataDir, openDataDir } from "../storage/data-dir.js";
import { StorageError } from "../storage/storage-error.js";
import { readValidSnapshots, readWal } from "../storage/wal/read-wal.js";
import type { WalSnapshot } from "../storage/wal/records.js";
import { checkNotBootstrapped } from "./check-bootstrapped.js";
import { defragmentAtStart } from "./defragment-at-start.js";
import { forceNewCluster } from "./force-new-cluster.js";
import {
  adopt,
  buildFromReceived,
  type InstallPlace,
  missingDatabase,
  receivedDatabasePath,
  removeUnused,
} from "./install-snapshot.js";
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
  let backend: Backend | undefined;
  let found: OpenedRaftLog | undefined;
  try {
    await removeLeftovers(fs, dataDir.snapDirectory);
    backend = await engine.open({ directory: dataDir.engineDirectory });
    await defragmentAtStart(backend, options);
    if (!dataDir.hasWal) {
      refuseLostLog(dataDir, positionOf(backend));
      const begun = await beginLog(options, dataDir.walDirectory);
      return { dataDir, backend, position: positionOf(backend), ...begun };
    }
    const stored = positionOf(backend);
    const snapshots = await readValidSnapshots(fs, dataDir.walDirectory, stored.index);
    let { engineDirectory } = dataDir;
    const received = await receivedToTakeUp(options, { dataDir, snapshots, position: stored });
    if (received !== undefined) {
      options.logger.info("Recovering from snapshot backend", { "snapshot-index": received });
      await backend.close();
      backend = undefined;
      const built = await takeUpReceived({ fs, engine, dataDir }, received);
      backend = built.backend;
      engineDirectory = built.directory;
    }
    const position = positionOf(backend);
    found = await openExistingLog(options, {
      walDir: dataDir.walDirectory,
      start: startFor(snapshots, position),
    });
    const { logger } = options;
    const log = options.forceNewCluster
      ? await forceNewCluster(found, { consistentIndex: position.index, logger })
      : found;
    return { dataDir: { ...dataDir, engineDirectory }, backend, position, log, remotes: [] };
  } catch (error) {
    // Of several errors the first says what is wrong.
    await found?.wal.close().catch(() => {});
    await backend?.close().catch(() => {});
    await dataDir.release();
    throw error;
  }
}

/** Closes the log and gives the directory free. The engine is closed before, by who has it. */
export async function closeDisk({ log, dataDir }: OpenedDisk): Promise<void> {
  try {
    await log.wal.close();
  } finally {
    await dataDir.release();
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

/** The newest snapshot that the engine's content covers: its entries are read from there. */
function startFor(snapshots: readonly WalSnapshot[], position: Position): WalSnapshot | undefined {
  return snapshots.findLast((snapshot) => snapshot.index <= position.index);
}

/**
 * The index of a snapshot of the leader that was saved before the process ended, and that the engine
 * has yet to take over. The log may have gone on without it when the process ended in between: then
 * its database need not be there any more.
 */
async function receivedToTakeUp(
  { fs }: MemberOptions,
  found: {
    readonly dataDir: DataDir;
    readonly snapshots: readonly WalSnapshot[];
    readonly position: Position;
  },
): Promise<LogIndex | undefined> {
  const { dataDir, snapshots, position } = found;
  const index = Math.max(0, ...snapshots.map((snapshot) => snapshot.index));
  if (index <= position.index) return undefined;
  const path = receivedDatabasePath(dataDir, index);
  if ((await fs.stat(path)) !== undefined) return index;
  const { index: from, term } = startFor(snapshots, position) ?? { index: 0, term: 0 };
  const snapshot = { index: from, term };
  let cause: unknown;
  try {
    const log = await readWal({ fs, directory: dataDir.walDirectory, snapshot });
    if ((log.entries.at(-1)?.index ?? 0) >= index) return undefined;
  } catch (error) {
    cause = error;
  }
  throw missingDatabase(path, cause);
}

async function takeUpReceived(
  place: InstallPlace,
  index: LogIndex,
): Promise<{ readonly backend: Backend; readonly directory: string }> {
  const built = await buildFromReceived(place, index);
  try {
    await adopt(place, index, built.directory);
    const { engineDirectory } = place.dataDir;
    if (place.engine.capabilities.persistent) await removeUnused(place, engineDirectory);
  } catch (error) {
    await built.backend.close();
    throw error;
  }
  return built;
}
