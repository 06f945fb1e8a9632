import { mkdir, open, readdir, rm, statfs, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/** Creates the directory (0700) and makes its name durable; an existing one is left as it is. */
export async function prepareDirectory(directory: string): Promise<void> {
  const created = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (created === undefined) return;
  // Every directory that was made is a name in its parent.
  const last = dirname(resolve(created));
  for (let path = resolve(directory); path !== last; path = dirname(path)) {
    await syncDirectory(dirname(path));
  }
}

/** Makes creations, renames and removals in the directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows can't open a directory; its file systems keep names in their own journal.
  if (process.platform === "win32") return;
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Files of the directory whose names end with one of `suffixes`, as full paths, sorted. */
export async function filesOf(directory: string, suffixes: readonly string[]): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names
    .filter((name) => suffixes.some((suffix) => name.endsWith(suffix)))
    .sort()
    .map((name) => join(directory, name));
}

/**
 * Whether `bytes` more can't be written in the directory. For an engine that reports a full disk as
 * a plain IO error.
 */
export async function isFull(directory: string, bytes: number): Promise<boolean> {
  const stat = await statfs(directory);
  if (stat.bavail * stat.bsize < bytes) return true;
  // Free blocks say nothing about a quota of the user; only a write does.
  const probe = join(directory, "space-probe.tmp");
  try {
    await writeFile(probe, Buffer.alloc(Math.min(bytes, 1 << 20)));
    return false;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === "ENOSPC" || code === "EDQUOT";
  } finally {
    await rm(probe, { force: true });
  }
}
