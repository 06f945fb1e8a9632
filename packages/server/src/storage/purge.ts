import { type Clock, type FileSystem, removeInSteps } from "@kvorum/base";

export interface PurgeOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  /** Such as ".snap". */
  readonly suffix: string;
  /** How many to keep; 0 keeps all. */
  readonly keep: number;
  /** Stops at the first file that may not go. */
  readonly isFree?: (name: string) => boolean;
  /** For the rests while a large file is freed, which is done at once without it. */
  readonly clock?: Clock | undefined;
  /** True when the caller can't wait any longer: no more files, and no more rests. */
  readonly isHurried?: () => boolean;
}

/**
 * Removes the oldest files of a kind beyond `keep`, one after the other; their names sort by age.
 * What writes to the disk meanwhile is not held up, see `removeInSteps`.
 * @returns the names removed
 */
export async function purgeOldest(options: PurgeOptions): Promise<string[]> {
  const { fs, directory, suffix, keep, isFree, isHurried } = options;
  if (keep === 0) return [];
  const names = (await fs.list(directory)).filter((name) => name.endsWith(suffix));
  const removed: string[] = [];
  for (const name of names.slice(0, Math.max(0, names.length - keep))) {
    if (isHurried?.() || (isFree !== undefined && !isFree(name))) break;
    await removeInSteps({ ...options, name });
    removed.push(name);
  }
  return removed;
}
