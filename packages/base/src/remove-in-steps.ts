import type { Clock } from "./clock.js";
import type { FileSystem } from "./file-system.js";

/**
 * What is freed in one step, in bytes. Source: measured on ext4. The longest synced write of another
 * file, while 64 MB went, took 14.9 ms when they were freed at once, 8.3 in steps of 8 MiB, 4.8 in
 * steps of 2 MiB, and 4.9 when nothing went.
 */
export const FREE_STEP_BYTES = 2 << 20;

/** The rest after each step, as a multiple of the time that it took. */
const REST_RATIO = 2;

export interface RemoveInStepsOptions {
  readonly fs: FileSystem;
  readonly directory: string;
  /** Of a file in it. */
  readonly name: string;
  /** Times the rests; without it there are none. */
  readonly clock?: Clock | undefined;
  /** Asked before each step; once true, all that is left is freed at once. */
  readonly isHurried?: () => boolean;
}

/**
 * Removes a file beside others at work on the same file system, and frees the space of a large one
 * in steps with rests. Freed at once, 64 MB hold up the synced writes of everyone else on ext4 for
 * some 10 to 15 ms.
 *
 *     name removed -> directory synced -> (2 MiB freed -> rest) ... -> closed
 *
 * The name goes first, and durably, so a crash at any moment leaves the whole file or none, never a
 * shortened one; what was not freed yet goes with the last handle, or when the file system is
 * mounted again.
 * @throws the file system's errors, ENOENT among them; after the name is gone only the space is late
 */
export async function removeInSteps(options: RemoveInStepsOptions): Promise<void> {
  const { fs, directory, name, clock, isHurried } = options;
  const path = `${directory}/${name}`;
  const sizeBytes = (await fs.stat(path))?.sizeBytes ?? 0;
  if (sizeBytes <= FREE_STEP_BYTES) return fs.remove(path);
  const file = await fs.open(path, "read-write");
  try {
    await fs.remove(path);
    await fs.syncDirectory(directory);
    for (let left = sizeBytes; left > 0 && !isHurried?.(); ) {
      const startMs = clock?.nowMs() ?? 0;
      left = Math.max(0, left - FREE_STEP_BYTES);
      await file.truncate(left);
      if (clock !== undefined) await rest(clock, (clock.nowMs() - startMs) * REST_RATIO);
    }
  } finally {
    await file.close();
  }
}

function rest(clock: Clock, durationMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(durationMs, resolve));
}
