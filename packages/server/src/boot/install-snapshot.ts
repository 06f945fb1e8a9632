import { basename, dirname, join } from "node:path";
import type { Backend, Engine } from "@kvorum/backends";
import { assert, type FileSystem, type LogIndex } from "@kvorum/base";
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
 * after it finds everything in place.
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

/** Saves a database as it arrives; one that is there already is kept. */
export async function saveReceivedDatabase(
  { fs, dataDir }: Pick<InstallPlace, "fs" | "dataDir">,
  index: LogIndex,
  bytes: AsyncIterable<Buffer>,
): Promise<void> {
  const path = receivedDatabasePath(dataDir, index);
  const temporary = join(dataDir.snapDirectory, `tmp-${hex16(index)}`);
  if ((await fs.stat(temporary)) !== undefined) await fs.remove(temporary);
  const file = await fs.open(temporary, "create");
  try {
    let position = 0;
    for await (const chunk of bytes) {
      await file.write(chunk, position);
      position += chunk.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if ((await fs.stat(path)) === undefined) await fs.rename(temporary, path);
  else await fs.remove(temporary);
  await fs.syncDirectory(dataDir.snapDirectory);
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
  if ((await fs.stat(path)) === undefined) {
    throw new StorageError(
      "NOT_FOUND",
      `failed to find database snapshot file (snap: snapshot file doesn't exist): ${path}. ` +
        "Remove this member, delete its data directory, and add it again.",
      { path },
    );
  }
  const directory = join(dirname(dataDir.engineDirectory), `db-${hex16(index)}`);
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

/** The built engine is the member's from now on, and the received database is not needed any more. */
export async function adopt(
  { fs, engine, dataDir }: InstallPlace,
  index: LogIndex,
  directory: string,
): Promise<void> {
  // An engine that forgets is built anew from the received database at each start.
  if (!engine.capabilities.persistent) return;
  await dataDir.useEngineDirectory(basename(directory));
  await fs.remove(receivedDatabasePath(dataDir, index));
  await fs.syncDirectory(dataDir.snapDirectory);
}

function hex16(value: number): string {
  return value.toString(16).padStart(16, "0");
}
