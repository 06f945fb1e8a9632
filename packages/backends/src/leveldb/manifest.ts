import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { logRecords } from "./log-format.js";
import { readVarint } from "./varint.js";

/** The files that LevelDB will use; others in the directory are leftovers that it removes. */
export interface LiveFiles {
  readonly tables: ReadonlyMap<number, LiveTable>;
  /** Logs with this number and later ones are replayed, and the one before it. */
  readonly firstLog: number;
  readonly previousLog: number;
}

/** A table by its number. */
export interface LiveTable {
  /** Tables of level 0 may overlap, those of any other level don't. */
  readonly level: number;
  /** The first and the last key. */
  readonly smallest: Buffer;
  readonly largest: Buffer;
}

/**
 * Reads which files are live from the manifest: a log of version edits. Stops at what it can't
 * read, because LevelDB checks the manifest itself and says so when it is damaged. Undefined for a
 * directory without a readable CURRENT.
 *
 *     edit = fields: tag (varint) | 1 comparator, 5 level and key, 2 first log, 3 next file,
 *       4 last sequence, 9 previous log, 6 level and removed table,
 *       7 level, added table, size, first key and last key
 *
 * Source: LevelDB, db/version_edit.cc.
 */
export async function readLiveFiles(directory: string): Promise<LiveFiles | undefined> {
  const current = await readText(join(directory, "CURRENT"));
  if (current === undefined || !/^MANIFEST-\d+\n$/.test(current)) return undefined;
  const manifest = await readFile(join(directory, current.trim())).catch(() => undefined);
  if (manifest === undefined) return undefined;
  const tables = new Map<number, LiveTable>();
  const live = { tables, firstLog: 0, previousLog: 0 };
  for (const edit of logRecords(manifest)) applyEdit(edit, live);
  return live;
}

/** The number in the name of a table or log. */
export function fileNumber(path: string): number {
  return Number(/(\d+)\.\w+$/.exec(path)?.[1] ?? Number.NaN);
}

function applyEdit(
  edit: Buffer,
  live: { readonly tables: Map<number, LiveTable>; firstLog: number; previousLog: number },
): void {
  let at = 0;
  const number = (): number => {
    const { value, next } = readVarint(edit, at);
    at = next;
    return value;
  };
  const bytes = (): Buffer => {
    const length = number();
    at += length;
    return edit.subarray(at - length, at);
  };
  // Behind a key stand its kind and sequence number.
  const key = (): Buffer => bytes().subarray(0, -8);
  const addTable = (): void => {
    const level = number();
    const table = number();
    number();
    live.tables.set(table, { level, smallest: key(), largest: key() });
  };
  while (at < edit.length) {
    const tag = number();
    switch (tag) {
      case 1:
        bytes();
        break;
      case 2:
        live.firstLog = number();
        break;
      case 3:
      case 4:
        number();
        break;
      case 5:
        number();
        bytes();
        break;
      case 6:
        number();
        live.tables.delete(number());
        break;
      case 7:
        addTable();
        break;
      case 9:
        live.previousLog = number();
        break;
      default:
        return;
    }
  }
}

function readText(path: string): Promise<string | undefined> {
  return readFile(path, "latin1").catch(() => undefined);
}
