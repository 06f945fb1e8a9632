import Database from "better-sqlite3";
import { SQLITE_CACHE_KIB, SQLITE_MMAP_BYTES } from "../limits.js";

export type Connection = Database.Database;

export type Statement = Database.Statement<unknown[]>;

const INCREMENTAL = 2;

/**
 * A connection to an existing store. WAL and FULL: a commit is in the journal and synced when it
 * returns. `cell_size_check` makes SQLite look at the bounds of each page that it reads.
 */
export function openConnection(file: string): Connection {
  const connection = new Database(file, { timeout: 10_000 });
  try {
    // Free pages can then be given back step by step. Set again, it would be a commit each time.
    if (connection.pragma("auto_vacuum", { simple: true }) !== INCREMENTAL) {
      connection.pragma("auto_vacuum = INCREMENTAL");
    }
    connection.pragma("journal_mode = WAL");
    connection.pragma("synchronous = FULL");
    connection.pragma("cell_size_check = ON");
    connection.pragma(`mmap_size = ${SQLITE_MMAP_BYTES}`);
    connection.pragma(`cache_size = -${SQLITE_CACHE_KIB}`);
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}
