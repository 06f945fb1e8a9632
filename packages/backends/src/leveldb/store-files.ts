import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { filesOf } from "../common/directory.js";
import { LEVELDB_MANIFEST_BYTES_MAX, LEVELDB_VERIFY_TABLES_MAX } from "../limits.js";
import type { CheckedBlocks } from "./checked-blocks.js";
import { LogCursor, type LoggedVersion, readLogs } from "./log-cursor.js";
import { fileNumber, type LiveTable, readLiveFiles } from "./manifest.js";
import type { RecordCursor, StoredRange } from "./record-cursor.js";
import { TableCursor } from "./table-cursor.js";
import type { OpenTable } from "./table-format.js";
import { closeTables, openTables, verifyTables } from "./verify-tables.js";

interface OpenLog {
  readonly file: string;
  readonly descriptor: number;
  readonly length: number;
}

interface RangedTable extends LiveTable {
  readonly table: OpenTable;
}

/**
 * All records of a store as its files have them at one moment when nothing is being written: the
 * live tables, and the logs of what is in no table. That is what LevelDB itself would find after a
 * kill. The files stay open, so a compaction takes nothing away; a log that grows is read up to
 * where it was.
 *
 * The manifest tells of a new table before the files that it stands for are removed. So when the
 * manifest is the same before and after all files were opened, none of them was missing.
 */
export class StoreFiles {
  readonly #tables: readonly RangedTable[];
  readonly #logs: readonly OpenLog[];
  /** Read with the first scan; a view is often asked for one short range after the other. */
  #logged: readonly LoggedVersion[] | undefined;

  private constructor(tables: readonly RangedTable[], logs: readonly OpenLog[]) {
    this.#tables = tables;
    this.#logs = logs;
  }

  /**
   * Undefined when compactions change the files all the time, or there are too many to have open:
   * then LevelDB itself must be asked. Nothing may be committed meanwhile.
   */
  static async open(directory: string): Promise<StoreFiles | undefined> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const before = await manifestOf(directory);
      const live = before === undefined ? undefined : await readLiveFiles(directory);
      if (live === undefined || live.tables.size > LEVELDB_VERIFY_TABLES_MAX) return undefined;
      const logs: OpenLog[] = [];
      let tables: OpenTable[] = [];
      try {
        tables = await openTables(directory, live);
        for (const file of await filesOf(directory, [".log"])) {
          if (fileNumber(file) >= live.firstLog) logs.push(openLog(file));
        }
        if (tables.length === live.tables.size && before === (await manifestOf(directory))) {
          const ranged = tables.map((table) => {
            return { ...live.tables.get(fileNumber(table.file))!, table };
          });
          return new StoreFiles(ranged, logs);
        }
      } catch (error) {
        closeFiles(tables, logs);
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EMFILE" || code === "ENFILE") return undefined;
        if (code !== "ENOENT") throw error;
        continue;
      }
      closeFiles(tables, logs);
    }
    return undefined;
  }

  /**
   * The runs that hold the records of a range, newest first: as LevelDB does for a single key, which
   * ends with the first level that has it.
   * @param checked takes down the blocks that are read, all of which are checked then
   */
  runs(range: StoredRange, checked?: CheckedBlocks): RecordCursor[] {
    this.#logged ??= readLogs(this.#logs.map(readLog));
    const runs: RecordCursor[] = [new LogCursor(this.#logged)];
    const levels: RangedTable[][] = [];
    for (const table of this.#tables) {
      if (table.largest.compare(range.gte) < 0 || table.smallest.compare(range.lt) >= 0) continue;
      levels[table.level] ??= [];
      levels[table.level]!.push(table);
    }
    const [unsorted = [], ...sorted] = levels;
    unsorted.sort((a, b) => fileNumber(b.table.file) - fileNumber(a.table.file));
    for (const { table } of unsorted) runs.push(new TableCursor([table], range, checked));
    for (const tables of sorted) {
      if (tables === undefined) continue;
      tables.sort((a, b) => a.smallest.compare(b.smallest));
      const open = tables.map(({ table }) => table);
      runs.push(new TableCursor(open, range, checked));
    }
    return runs;
  }

  /**
   * Checks every block of every table, to tell which one a damaged record stands in.
   * @throws BackendError "CORRUPT" naming the table
   */
  verify(): void {
    for (const _ of verifyTables(this.#openTables, ["small", "large"]));
  }

  close(): void {
    closeFiles(this.#openTables, this.#logs);
  }

  get #openTables(): OpenTable[] {
    return this.#tables.map(({ table }) => table);
  }
}

function closeFiles(tables: readonly OpenTable[], logs: readonly OpenLog[]): void {
  closeTables(tables);
  for (const { descriptor } of logs) closeSync(descriptor);
}

function openLog(file: string): OpenLog {
  const descriptor = openSync(file, "r");
  return { file, descriptor, length: fstatSync(descriptor).size };
}

function readLog({ file, descriptor, length }: OpenLog): {
  readonly file: string;
  readonly bytes: Buffer;
} {
  const bytes = Buffer.alloc(length);
  return { file, bytes: bytes.subarray(0, readSync(descriptor, bytes, 0, length, 0)) };
}

/** Name and size of the manifest, which only grows; undefined when reading it would take long. */
async function manifestOf(directory: string): Promise<string | undefined> {
  const name = (await readFile(join(directory, "CURRENT"), "latin1")).trim();
  const { size } = await stat(join(directory, name));
  return size > LEVELDB_MANIFEST_BYTES_MAX ? undefined : `${name} ${size}`;
}

/** A compaction changes the files a few times a second at most. */
const ATTEMPTS = 8;
