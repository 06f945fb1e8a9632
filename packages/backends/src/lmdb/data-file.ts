import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { removeInSteps } from "@kvorum/base";
import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import { filesOf } from "../common/directory.js";

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
 * As `removeData`, for a file that nobody has open any more, beside a store at work.
 * @param isHurried see `removeInSteps`
 */
export async function removeDataInSteps(file: string, isHurried: () => boolean): Promise<void> {
  await rm(`${file}-lock`, { force: true });
  const place = { fs: nodeFileSystem, directory: dirname(file), name: basename(file) };
  await removeInSteps({ ...place, clock: nodeClock, isHurried });
}
