import { basename, dirname, join } from "node:path";
import type { Backend, Engine } from "@kvorum/backends";
import { assert, type File, type FileSystem, hex16, type LogIndex } from "@kvorum/base";
import type { DataDir } from "../storage/data-dir.js";
import { importBolt } from "../storage/snapshot/import-bolt.js";
import { StorageError } from "../storage/storage-error.js";
import { readPosition } from "./position.js";

/**
 * A leader's snapshot becomes the engine's content. The database arrives in etcd's form, whatever
 * the engines of both ends are:
 *
 * ```
 *  snap/<index>.snap.db --import--> db-<index>/ --engine.json names it--> in use
 * ```
 * The received file is removed last, so a crash at any point before begins again from it, and one
 * after it finds everything in place. The log notes the snapshot, and the hard state that commits
 * it, before the import begins: otherwise an engine could be ahead of its log after a crash.
 */
export interface InstallPlace {
  readonly fs: FileSystem;
  readonly engine: Engine;
  readonly dataDir: DataDir;
}

/** Where a database received from the leader waits. The name is etcd's. */
export function receivedDatabasePath(dataDir: DataDir, index: LogIndex): string {
  return join(dataDir.snapDirectory, `${hex16(index)}.snap.db`);
}

/**
 * Saves a database as it arrives; one that is there already is kept, and nothing stays of one that
 * breaks off.
 * @param arrival another for each of those that may be under way at once: two leaders, or two tries
 *   of one, may send the same index, and neither must put the other's half in place
 * @param sync for a caller that looks at the time it takes
 */
export async function saveReceivedDatabase(
  { fs, dataDir }: Pick<InstallPlace, "fs" | "dataDir">,
  { index, arrival }: { readonly index: LogIndex; readonly arrival: number },
  bytes: AsyncIterable<Buffer>,
  sync: (file: File) => Promise<void> = (file) => file.sync(),
): Promise<void> {
  const path = receivedDatabasePath(dataDir, index);
  const temporary = join(dataDir.snapDirectory, `tmp-${hex16(index)}-${arrival}`);
  if ((await fs.stat(temporary)) !== undefined) await fs.remove(temporary);
  try {
    await writeArriving(await fs.open(temporary, "create"), bytes, sync);
  } catch (error) {
    // A leader tries again, perhaps for hours: halves that stayed would fill the disk.
    await fs.remove(temporary).catch(() => undefined);
    throw error;
  }
  if ((await fs.stat(path)) === undefined) await fs.rename(temporary, path);
  else await fs.remove(temporary);
  await fs.syncDirectory(dataDir.snapDirectory);
}

/** Closes the file, too. */
async function writeArriving(
  file: File,
  bytes: AsyncIterable<Buffer>,
  sync: (file: File) => Promise<void>,
): Promise<void> {
  try {
    let position = 0;
    for await (const chunk of bytes) {
      await file.write(chunk, position);
      position += chunk.length;
    }
    await sync(file);
  } finally {
    await file.close();
  }
}

/**
 * Builds an engine from the received database, beside the one in use, and opens it.
 * @throws StorageError "NOT_FOUND" when it isn't there; BackendError "FORMAT" when it is damaged
 */
export async function buildFromReceived(
  { fs, engine, dataDir }: InstallPlace,
  index: LogIndex,
): Promise<{ readonly backend: Backend; readonly directory: string }> {
  const path = receivedDatabasePath(dataDir, index);
  if ((await fs.stat(path)) === undefined) throw missingDatabase(path);
  const directory = join(dirname(dataDir.engineDirectory), directoryFor(dataDir, index));
  if ((await fs.stat(directory)) !== undefined) await fs.remove(directory, { recursive: true });
  const backend = await engine.open({ directory });
  try {
    const file = await fs.open(path, "read");
    try {
      await importBolt({ file, backend });
    } finally {
      await file.close();
    }
    const found = readPosition((bucket, key) => backend.get(bucket, key));
    assert(
      found.index === index,
      `the leader's database stands for its snapshot's index ${index}, not for ${found.index}`,
    );
    return { backend, directory };
  } catch (error) {
    await backend.close();
    throw error;
  }
}

export function missingDatabase(path: string, cause?: unknown): StorageError {
  return new StorageError(
    "NOT_FOUND",
    `failed to find database snapshot file (snap: snapshot file doesn't exist): ${path}. ` +
      "Remove this member, delete its data directory, and add it again.",
    { path, cause },
  );
}

/**
 * The built engine is the member's from now on, and databases received up to its index are not
 * needed any more.
 */
export async function adopt(
  { fs, engine, dataDir }: InstallPlace,
  index: LogIndex,
  directory: string,
): Promise<void> {
  // An engine that forgets is built anew from the received database at each start.
  if (!engine.capabilities.persistent) return;
  await dataDir.useEngineDirectory(basename(directory));
  for (const name of await fs.list(dataDir.snapDirectory)) {
    const received = /^([0-9a-f]{16})\.snap\.db$/.exec(name)?.[1];
    if (received === undefined || Number.parseInt(received, 16) > index) continue;
    await fs.remove(join(dataDir.snapDirectory, name));
  }
  await fs.syncDirectory(dataDir.snapDirectory);
}

/** Removes the files of an engine that another has taken the place of. */
export async function removeUnused({ fs }: InstallPlace, directory: string): Promise<void> {
  if ((await fs.stat(directory)) !== undefined) await fs.remove(directory, { recursive: true });
}

/** Not the name of the directory in use: what is open there may outlive its removal. */
function directoryFor(dataDir: DataDir, index: LogIndex): string {
  const name = `db-${hex16(index)}`;
  return name === basename(dataDir.engineDirectory) ? `${name}0` : name;
}
