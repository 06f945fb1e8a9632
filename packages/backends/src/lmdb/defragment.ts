import { type FileHandle, open, rename, statfs } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { toBackendError } from "../common/backend-errors.js";
import { syncDirectory } from "../common/directory.js";
import { LMDB_COPY_SYNC_BYTES, LMDB_REST_RATIO } from "../limits.js";
import { BackendError, type DefragmentProgress } from "../port.js";
import { copyFile, dataFile, numberOf, removeData } from "./data-file.js";
import { type Environment, openEnvironment, statOf } from "./environment.js";
import type { Commits, Result, Work } from "./messages.js";
import { explainWrite } from "./write-error.js";

/** What a defragmentation needs of the store. */
export interface DefragmentHost {
  readonly directory: string;
  readonly environment: Environment;
  readonly commits: Commits;
  /** @throws BackendError when the store has failed or is being closed */
  check(): void;
  /** Ends the use of the store; returns the error that it ends with. */
  fail(error: BackendError): BackendError;
  /** Makes further commits wait and resolves when those under way have settled. */
  pause(): Promise<void>;
}

/**
 * Writes a compact copy beside the store, in small steps between commits, and under a short pause
 * of the commits puts it in place. Reads go on throughout. Returns the environment of the new file;
 * the old one stays open.
 *
 *     ((step -> rest) ... sync -> rest) ... -> pause -> last step -> sync -> rename -> open
 *
 * @throws BackendError the store goes on with its file, unless it has failed itself
 */
export async function defragment(
  host: DefragmentHost,
  onProgress: (progress: DefragmentProgress) => void,
): Promise<Environment> {
  const { directory, environment } = host;
  const path = copyFile(directory);
  try {
    await removeData(path);
    await writeCopy(host, path, onProgress);
  } catch (error) {
    const reason = await explainWrite(error, {
      file: path,
      directory,
      bytes: LMDB_COPY_SYNC_BYTES,
    });
    await ask(host, { kind: "endCopy" }).catch(() => {});
    await removeData(path).catch(() => {});
    throw reason;
  }
  const next = dataFile(directory, numberOf(environment.file) + 1);
  try {
    await rename(path, next);
    await syncDirectory(directory);
    await removeData(path);
    return openEnvironment(next);
  } catch (error) {
    // The next start may find the new file, so nothing may be committed to the old one any more.
    throw host.fail(toBackendError(error, next));
  }
}

/** Returns when the copy is whole, synced and closed, and commits wait. */
async function writeCopy(
  host: DefragmentHost,
  path: string,
  onProgress: (progress: DefragmentProgress) => void,
): Promise<void> {
  await ask(host, { kind: "beginCopy" });
  const file = await open(path, "r+");
  try {
    await copyInSteps(host, file, onProgress);
    await host.pause();
    await ask(host, { kind: "finishCopy" });
    await ask(host, { kind: "endCopy" });
    await file.datasync();
  } finally {
    await file.close();
  }
}

/**
 * A step is so short that a thread which wakes up meanwhile soon finds a processor. What several
 * steps have copied is synced before the next one, in the thread pool: what the disk is given at a
 * time delays the log's own synced writes by as much. Rests leave both to others.
 */
async function copyInSteps(
  host: DefragmentHost,
  file: FileHandle,
  onProgress: (progress: DefragmentProgress) => void,
): Promise<void> {
  const totalBytes = statOf(host.environment).sizeInUseBytes;
  let doneBytes = 0;
  let syncedBytes = 0;
  for (let isComplete = false; !isComplete; ) {
    host.check();
    onProgress({ doneBytes, totalBytes });
    await checkRoom(host.directory, totalBytes - doneBytes);
    const startMs = performance.now();
    const { copied } = await ask(host, { kind: "copyStep" });
    isComplete = copied!.isComplete;
    if (isComplete || copied!.bytes - syncedBytes >= LMDB_COPY_SYNC_BYTES) {
      await file.datasync();
      syncedBytes = copied!.bytes;
    }
    const tookMs = performance.now() - startMs;
    doneBytes = Math.min(totalBytes, copied!.bytes);
    if (!isComplete) await sleep(tookMs * LMDB_REST_RATIO);
  }
  onProgress({ doneBytes: totalBytes, totalBytes });
}

/** A disk that the copy fills would end the store too. */
async function checkRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= bytes) return;
  throw new BackendError(
    "NO_SPACE",
    `${directory}: a defragmentation needs space for a copy: ${bytes} bytes more, ` +
      `${bavail * bsize} are free; the store goes on as it is`,
  );
}

async function ask({ commits }: DefragmentHost, work: Work): Promise<Result> {
  const result = await commits.ask(work);
  const { error } = result;
  if (error !== undefined) throw new BackendError(error.code, error.message);
  return result;
}
