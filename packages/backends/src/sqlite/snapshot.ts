import { damagedPage } from "../common/damaged-page.js";
import { BackendError } from "../port.js";
import type { Connection } from "./connection.js";
import type { WalFrames } from "./wal-frames.js";

/** What is asked for the state of the journal: a connection, at least. */
export interface Asker {
  pragma(source: string): unknown;
}

/** What a read transaction sees. */
export interface Snapshot {
  /** Frames of the journal that are to be read instead of pages of the file; 0 for none. */
  readonly frameCount: number;
  /** Of the journal. */
  readonly header: Buffer;
  readonly pageBytes: number;
  readonly pageCount: number;
  /** The root pages by the names of tables. */
  readonly roots: ReadonlyMap<string, number>;
}

/**
 * Begins a read transaction and finds which part of the journal it sees. SQLite tells only how
 * many frames the journal has now, so that is asked before and after:
 *
 *     header, frames, BEGIN and first read, frames, frames, header
 *
 * The same number and the same header mean that nothing was committed in between: the journal only
 * grows until it begins anew, when the number is first 0 and the header then another.
 *
 * If by then all frames are in the file, then that alone is read: SQLite may let the journal begin
 * anew under such a transaction. Otherwise the transaction keeps the journal from doing so. In both
 * cases SQLite moves no later frame into the file until the transaction ends.
 *
 * How many frames are in the file is asked twice, because a journal that begins anew sets this
 * number to 0 after the other one, and the answer could be from between the two. That can't happen
 * to both without a change of the other one.
 *
 * @param reader the connection of the transaction
 * @param asker another connection: SQLite does not answer within a transaction
 * @throws BackendError "IO" if there are commits again and again
 */
export function beginSnapshot(reader: Connection, asker: Asker, wal: WalFrames): Snapshot {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const header = wal.header();
    const before = framesOf(asker);
    reader.exec("BEGIN");
    // The transaction takes its place in the journal with its first read.
    const tables = reader.prepare(TABLES).raw().all() as [string, number][];
    const after = framesOf(asker);
    const again = framesOf(asker);
    const isStill = before.all === after.all && before.all === again.all;
    if (isStill && wal.header().equals(header)) {
      const isInFile = Math.max(after.inFile, again.inFile) >= before.all;
      return {
        frameCount: isInFile ? 0 : before.all,
        header,
        pageBytes: reader.pragma("page_size", { simple: true }) as number,
        pageCount: reader.pragma("page_count", { simple: true }) as number,
        roots: rootsOf(reader.name, tables),
      };
    }
    reader.exec("COMMIT");
  }
  throw new BackendError("IO", `${reader.name}: no view between the commits could be had`);
}

/** One attempt takes less than a millisecond, and commits come one after the other. */
const ATTEMPTS_MAX = 1_000;

/** The casts make what a damaged schema has for them numbers and texts. */
const TABLES = "SELECT CAST(name AS TEXT), CAST(rootpage AS INTEGER) FROM sqlite_schema";

function rootsOf(file: string, tables: readonly [string, number][]): Map<string, number> {
  // A table that has the pages of another, empty one would seem to have lost its records.
  if (new Set(tables.map(([, root]) => root)).size !== tables.length) {
    throw damagedPage(file, 1, "tables with the same root");
  }
  return new Map(tables);
}

/**
 * The frames of the journal, and how many of them are in the file. Nothing is moved there; only
 * SQLite before 3.51, which does not know of that, would move some and answer the same.
 */
function framesOf(asker: Asker): { readonly all: number; readonly inFile: number } {
  const [row] = asker.pragma("wal_checkpoint(NOOP)") as [{ log: number; checkpointed: number }];
  return { all: row.log, inFile: row.checkpointed };
}
