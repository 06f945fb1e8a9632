import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { BUCKET_IDS } from "../common/bucket-id.js";
import { unpackOps } from "../common/packed-ops.js";
import { serveCommits } from "../common/serve-commits.js";
import { SQLITE_REST_MS, SQLITE_VACUUM_STEP_PAGES } from "../limits.js";
import { type BackendStat, BUCKETS, type Bucket } from "../port.js";
import { type Connection, openConnection, type Statement } from "./connection.js";
import type { Work } from "./messages.js";

/** The thread that writes: it has the only connection that does. */
const port = parentPort;
assert(port !== null, "this script runs in a worker thread");
const file: string = workerData.file;

interface Writer {
  readonly connection: Connection;
  readonly puts: readonly (Statement | undefined)[];
  readonly deletes: readonly (Statement | undefined)[];
  readonly begin: Statement;
  readonly commit: Statement;
  readonly pageCount: Statement;
  readonly freeCount: Statement;
  readonly pageBytes: number;
}

let writer: Writer | undefined;
/** Set while the journal may hold something that nobody has moved into the file. */
let rest: NodeJS.Timeout | undefined;

serveCommits<Work, BackendStat>(port, file, {
  commit(packed) {
    clearTimeout(rest);
    writer ??= openWriter();
    applyPacked(writer, packed);
    rest = setTimeout(checkpointAtRest, SQLITE_REST_MS);
    return statOf(writer);
  },
  work(work) {
    writer ??= openWriter();
    maintain(writer, work);
    return statOf(writer);
  },
  close() {
    clearTimeout(rest);
    writer?.connection.close();
  },
});

/** Gives back the space of the journal, which is otherwise used again and never becomes smaller. */
function checkpointAtRest(): void {
  try {
    if (writer !== undefined) maintain(writer, "checkpoint");
  } catch {
    // What was committed is in the journal and stays there; SQLite goes on after its own too.
  }
}

function maintain({ connection }: Writer, work: Work): void {
  if (work === "vacuum") {
    connection.exec(`PRAGMA incremental_vacuum(${SQLITE_VACUUM_STEP_PAGES})`);
  } else if (work === "checkpoint") {
    // Without waiting for readers: what they pin stays until the next one.
    connection.pragma("busy_timeout = 0");
    connection.pragma("wal_checkpoint(TRUNCATE)");
    connection.pragma("busy_timeout = 10000");
  }
}

function applyPacked({ connection, begin, commit, puts, deletes }: Writer, packed: Buffer): void {
  begin.run();
  try {
    unpackOps(packed, {
      put(bucketId, key, sealed) {
        puts[bucketId]!.run(key, sealed);
      },
      delete(bucketId, key) {
        deletes[bucketId]!.run(key);
      },
    });
    commit.run();
  } catch (error) {
    // SQLite has rolled back already after some errors, a full disk among them.
    if (connection.inTransaction) connection.exec("ROLLBACK");
    throw error;
  }
}

function openWriter(): Writer {
  const connection = openConnection(file);
  // One transaction, hence one sync, for all.
  connection.exec(`BEGIN IMMEDIATE; ${BUCKETS.map(tableDefinition).join("; ")}; COMMIT`);
  const puts: Statement[] = [];
  const deletes: Statement[] = [];
  for (const bucket of BUCKETS) {
    const id = BUCKET_IDS[bucket];
    puts[id] = connection.prepare(`INSERT OR REPLACE INTO "${bucket}" VALUES (?, ?)`);
    deletes[id] = connection.prepare(`DELETE FROM "${bucket}" WHERE key = ?`);
  }
  return {
    connection,
    puts,
    deletes,
    begin: connection.prepare("BEGIN IMMEDIATE"),
    commit: connection.prepare("COMMIT"),
    pageCount: connection.prepare("PRAGMA page_count").pluck(),
    freeCount: connection.prepare("PRAGMA freelist_count").pluck(),
    pageBytes: connection.pragma("page_size", { simple: true }) as number,
  };
}

function tableDefinition(bucket: Bucket): string {
  const columns = "key BLOB PRIMARY KEY, value BLOB NOT NULL";
  return `CREATE TABLE IF NOT EXISTS "${bucket}" (${columns}) WITHOUT ROWID`;
}

function statOf({ pageCount, freeCount, pageBytes }: Writer): BackendStat {
  const pages = pageCount.get() as number;
  const free = freeCount.get() as number;
  const journalBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  return {
    sizeBytes: pages * pageBytes + journalBytes,
    sizeInUseBytes: (pages - free) * pageBytes,
  };
}
