import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import { unmask } from "./masked-checksum.js";
import { readVarint } from "./varint.js";

/** The files that LevelDB will use; others in the directory are leftovers that it removes. */
export interface LiveFiles {
  readonly tables: ReadonlySet<number>;
  /** Logs with this number and later ones are replayed, and the one before it. */
  readonly firstLog: number;
  readonly previousLog: number;
}

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;

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
  const tables = new Set<number>();
  const live = { tables, firstLog: 0, previousLog: 0 };
  for (const edit of recordsOf(manifest)) applyEdit(edit, live);
  return live;
}

/** The number in the name of a table or log. */
export function fileNumber(path: string): number {
  return Number(/(\d+)\.\w+$/.exec(path)?.[1] ?? Number.NaN);
}

function applyEdit(
  edit: Buffer,
  live: { readonly tables: Set<number>; firstLog: number; previousLog: number },
): void {
  let at = 0;
  const number = (): number => {
    const { value, next } = readVarint(edit, at);
    at = next;
    return value;
  };
  const skipBytes = (): void => {
    const length = number();
    at += length;
  };
  while (at < edit.length) {
    const tag = number();
    switch (tag) {
      case 1:
        skipBytes();
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
        skipBytes();
        break;
      case 6:
        number();
        live.tables.delete(number());
        break;
      case 7:
        number();
        live.tables.add(number());
        number();
        skipBytes();
        skipBytes();
        break;
      case 9:
        live.previousLog = number();
        break;
      default:
        return;
    }
  }
}

/** The records of a log, up to the first fragment that is not whole. */
function* recordsOf(log: Buffer): Generator<Buffer> {
  let parts: Buffer[] = [];
  for (let start = 0; start < log.length; start += BLOCK_BYTES) {
    const end = Math.min(start + BLOCK_BYTES, log.length);
    for (let at = start; at + HEADER_BYTES <= end; ) {
      const next = at + HEADER_BYTES + log.readUInt16LE(at + 4);
      const type = log[at + 6]!;
      if (next > end || unmask(log.readUInt32LE(at)) !== crc32c(log.subarray(at + 6, next))) return;
      parts.push(log.subarray(at + HEADER_BYTES, next));
      // 1 is a whole record, 4 the last part of one; 2 and 3 are the parts before it.
      if (type === 1 || type === 4) {
        yield Buffer.concat(parts);
        parts = [];
      }
      at = next;
    }
  }
}

function readText(path: string): Promise<string | undefined> {
  return readFile(path, "latin1").catch(() => undefined);
}
