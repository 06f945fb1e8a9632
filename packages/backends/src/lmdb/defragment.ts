import { open, rename, stat } from "node:fs/promises";
import { syncDirectory } from "../common/directory.js";
import { BackendError, type DefragmentProgress } from "../port.js";
import { copyFile, dataFile, numberOf, removeData } from "./data-file.js";
import { type Environment, openEnvironment, statOf } from "./environment.js";
import type { Commits, Work } from "./messages.js";

/** What a defragmentation needs of the store. */
export interface DefragmentHost {
  readonly directory: string;
  readonly environment: Environment;
  readonly commits: Commits;
  /** Makes further commits wait and resolves when those under way have settled. */
  pause(): Promise<void>;
}

/**
 * Writes a compact copy beside the store, catches up with the commits made meanwhile, and under a
 * short pause of the commits with the last of them, and puts the copy in place. Reads go on
 * throughout. Returns the environment of the new file; the old one stays open.
 *
 *     track -> copy (a snapshot) -> sync -> catch up -> pause -> catch up -> rename -> open
 *
 * Tracking and catching up is the work of the thread that commits. It begins to track between two
 * commits, so those before are in the snapshot that the copy is made of.
 */
export async function defragment(
  host: DefragmentHost,
  onProgress: (progress: DefragmentProgress) => void,
): Promise<Environment> {
  const source = host.environment;
  const copyPath = copyFile(host.directory);
  const ask = async (work: Work): Promise<void> => {
    const { error } = await host.commits.ask(work);
    if (error !== undefined) throw new BackendError(error.code, error.message);
  };
  await removeData(copyPath);
  await ask({ kind: "track" });
  try {
    await copyCompact(source, copyPath, onProgress);
    // Here, so that no commit waits for the sync of the whole copy.
    await syncFile(copyPath);
    await ask({ kind: "catchUp", copy: copyPath });
    await host.pause();
    await ask({ kind: "catchUp", copy: copyPath });
    await ask({ kind: "untrack" });
  } catch (error) {
    await ask({ kind: "untrack" }).catch(() => {});
    await removeData(copyPath);
    throw error;
  }
  const next = dataFile(host.directory, numberOf(source.file) + 1);
  await rename(copyPath, next);
  await syncDirectory(host.directory);
  await removeData(copyPath);
  return openEnvironment(next);
}

async function copyCompact(
  source: Environment,
  path: string,
  onProgress: (progress: DefragmentProgress) => void,
): Promise<void> {
  const totalBytes = statOf(source).sizeInUseBytes;
  onProgress({ doneBytes: 0, totalBytes });
  const report = setInterval(() => {
    stat(path).then(
      ({ size }) => onProgress({ doneBytes: Math.min(size, totalBytes), totalBytes }),
      () => {},
    );
  }, 200);
  try {
    await source.root.backup(path, true);
  } finally {
    clearInterval(report);
  }
  onProgress({ doneBytes: totalBytes, totalBytes });
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
