import { open, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { filesOf } from "../common/directory.js";
import { LMDB_FREE_STEP_BYTES, LMDB_REST_RATIO } from "../limits.js";

/**
 * The data stand in `data.<n>.mdb`, LMDB's lock beside it in `data.<n>.mdb-lock`. A defragmentation
 * writes `copy.mdb` and, when that is complete and synced, renames it to the next number. So the
 * highest number is the store, and lower ones are leftovers of a switch that was cut short.
 */
const NAME = /^data\.(\d{6})\.mdb$/;

/** The copy under construction; removed at open. */
export function copyFile(directory: string): string {
  return join(directory, "copy.mdb");
}

export function dataFile(directory: string, number: number): string {
  return join(directory, `data.${String(number).padStart(6, "0")}.mdb`);
}

/** The number of a data file, from its path. */
export function numberOf(file: string): number {
  return Number(NAME.exec(basename(file))?.[1] ?? 0);
}

/** The file to open, after removing leftovers; number 1 for a new store. */
export async function currentDataFile(directory: string): Promise<string> {
  await removeData(copyFile(directory));
  const files = (await filesOf(directory, [".mdb"])).filter((file) => NAME.test(basename(file)));
  const current = files.pop() ?? dataFile(directory, 1);
  for (const old of files) await removeData(old);
  return current;
}

/** Removes a data file and its lock. */
export async function removeData(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(`${file}-lock`, { force: true });
}

/**
 * As `removeData`, for a file that nobody has open any more, beside a store at work: the space is
 * freed in steps with rests. Freed at once, some hundred megabytes hold up the synced writes of all
 * others on the file system for a twentieth of a second. The name goes first, so that a crash
 * leaves no shortened file.
 */
export async function removeDataInSteps(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await removeData(file);
    let { size } = await handle.stat();
    while (size > 0) {
      const startMs = performance.now();
      size = Math.max(0, size - LMDB_FREE_STEP_BYTES);
      await handle.truncate(size);
      await sleep((performance.now() - startMs) * LMDB_REST_RATIO);
    }
  } finally {
    await handle.close();
  }
}
