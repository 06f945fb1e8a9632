import { join } from "node:path";
import type { FileSystem } from "@kvorum/base";

export interface PurgeOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  /** Such as ".snap". */
  readonly suffix: string;
  /** How many to keep; 0 keeps all. */
  readonly keep: number;
  /** Stops at the first file that may not go. */
  readonly isFree?: (name: string) => boolean;
}

/**
 * Removes the oldest files of a kind beyond `keep`; their names sort by age.
 * @returns the names removed
 */
export async function purgeOldest(options: PurgeOptions): Promise<string[]> {
  const { fs, directory, suffix, keep, isFree } = options;
  if (keep === 0) return [];
  const names = (await fs.list(directory)).filter((name) => name.endsWith(suffix));
  const removed: string[] = [];
  for (const name of names.slice(0, Math.max(0, names.length - keep))) {
    if (isFree !== undefined && !isFree(name)) break;
    await fs.remove(join(directory, name));
    removed.push(name);
  }
  return removed;
}
