import { open, rename, stat } from "node:fs/promises";
import { syncDirectory } from "../common/directory.js";
import type { Bucket, DefragmentProgress, Op } from "../port.js";
import { copyFile, dataFile, numberOf, removeData } from "./data-file.js";
import { type Environment, openEnvironment, statOf } from "./environment.js";
import { storedKey } from "./key-codec.js";

/** Below this many changed keys the rest is written while commits wait; a few milliseconds. */
const PAUSED_KEYS_MAX = 5_000;
/** Rounds of catching up with commits before they are made to wait. */
const ROUNDS_MAX = 8;

/** Stored keys that were committed, by bucket; each once. */
export class DirtyKeys {
  #keys = new Map<string, { readonly bucket: Bucket; readonly key: Buffer }>();

  add(ops: readonly Op[]): void {
    for (const { bucket, key } of ops) {
      const stored = storedKey(key);
      const id = `${bucket}:${stored.latin1Slice(0, stored.length)}`;
      // The caller takes its bytes back when the commit settles.
      this.#keys.set(id, { bucket, key: Buffer.from(stored) });
    }
  }

  get size(): number {
    return this.#keys.size;
  }

  entries(): Iterable<{ readonly bucket: Bucket; readonly key: Buffer }> {
    return this.#keys.values();
  }
}

/** What a defragmentation needs of the store. */
export interface DefragmentHost {
  readonly directory: string;
  readonly environment: Environment;
  /** From now on every commit adds its keys to `dirty`. */
  track(dirty: DirtyKeys): void;
  /** Resolves when the commits that were begun so far have settled. */
  settled(): Promise<void>;
  /** Makes further commits wait and resolves when those under way have settled. */
  pause(): Promise<void>;
}

/**
 * Writes a compact copy beside the store, catches up with the commits made meanwhile in rounds, and
 * under a short pause of the commits writes the last of them and puts the copy in place. Reads go
 * on throughout. Returns the environment of the new file; the old one stays open.
 *
 *     track -> settle -> copy (a snapshot) -> rounds: changed keys -> pause -> the rest
 *       -> sync -> rename -> open
 */
export async function defragment(
  host: DefragmentHost,
  onProgress: (progress: DefragmentProgress) => void,
): Promise<Environment> {
  const source = host.environment;
  const copyPath = copyFile(host.directory);
  await removeData(copyPath);
  let dirty = new DirtyKeys();
  host.track(dirty);
  // Commits that began before the tracking must be in the snapshot that the copy is made of.
  await host.settled();
  await copyCompact(source, copyPath, onProgress);
  const copy = openEnvironment(copyPath);
  try {
    for (let round = 0; round < ROUNDS_MAX && dirty.size > PAUSED_KEYS_MAX; round++) {
      const changed = dirty;
      dirty = new DirtyKeys();
      host.track(dirty);
      await host.settled();
      await transfer(source, copy, changed);
    }
    await host.pause();
    await transfer(source, copy, dirty);
  } catch (error) {
    await copy.root.close();
    await removeData(copyPath);
    throw error;
  }
  await copy.root.close();
  const next = dataFile(host.directory, numberOf(source.file) + 1);
  await syncFile(copyPath);
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

/** Brings the changed keys of `copy` to what `source` holds now. */
async function transfer(source: Environment, copy: Environment, dirty: DirtyKeys): Promise<void> {
  if (dirty.size === 0) return;
  source.root.resetReadTxn();
  await copy.root.batch(() => {
    for (const { bucket, key } of dirty.entries()) {
      const stored = source.tables[bucket].getBinary(key);
      if (stored === undefined) void copy.tables[bucket].remove(key);
      else void copy.tables[bucket].put(key, stored);
    }
  });
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
