import { closeSync, openSync } from "node:fs";
import { asBuffer } from "@kvorum/base";
import { BatchMemory } from "../common/batch-memory.js";
import { CHECKSUM_BYTES, writeSealed } from "../common/record-checksum.js";
import { BUCKETS, type Bucket, type ScanRange } from "../port.js";
import { type Connection, openConnection } from "./connection.js";
import { FileView } from "./file-view.js";

/** Records in their order: a line of hexadecimal key and value each. Texts are compared fast. */
export type Records = string;

/** For tests: the file of a store with a connection that writes, and views beside it. */
export class TestStore {
  readonly writer: Connection;
  readonly file: string;
  readonly #asker: Connection;
  readonly #descriptor: number;

  /** @param file of a store, or of an empty database */
  constructor(file: string) {
    this.file = file;
    this.writer = openConnection(file);
    // The tests say when pages go from the journal into the file.
    this.writer.pragma("wal_autocheckpoint = 0");
    for (const bucket of BUCKETS) {
      const columns = "key BLOB PRIMARY KEY, value BLOB NOT NULL";
      this.writer.exec(`CREATE TABLE IF NOT EXISTS "${bucket}" (${columns}) WITHOUT ROWID`);
    }
    this.#asker = openConnection(file);
    this.#descriptor = openSync(file, "r");
  }

  put(bucket: Bucket, records: Iterable<readonly [key: Buffer, value: Buffer]>): void {
    const put = this.writer.prepare(`INSERT OR REPLACE INTO "${bucket}" VALUES (?, ?)`);
    this.writer.transaction(() => {
      for (const [key, value] of records) {
        const sealed = Buffer.alloc(value.length + CHECKSUM_BYTES);
        writeSealed(sealed, 0, { bucket, key, value });
        put.run(key, sealed);
      }
    })();
  }

  delete(bucket: Bucket, keys: Iterable<Buffer>): void {
    const remove = this.writer.prepare(`DELETE FROM "${bucket}" WHERE key = ?`);
    this.writer.transaction(() => {
      for (const key of keys) remove.run(key);
    })();
  }

  /** What SQLite itself finds. */
  select(bucket: Bucket, { start, end }: ScanRange = {}): Records {
    const condition = `key >= ? AND (? IS NULL OR key < ?)`;
    const rows = this.writer
      .prepare(`SELECT key, value FROM "${bucket}" WHERE ${condition} ORDER BY key`)
      .raw()
      .all(start ?? Buffer.alloc(0), end, end) as [Buffer, Buffer][];
    return rows.map(([key, value]) => line(key, value.subarray(0, -CHECKSUM_BYTES))).join("");
  }

  keys(bucket: Bucket): Buffer[] {
    const statement = this.writer.prepare(`SELECT key FROM "${bucket}" ORDER BY key`);
    return statement.pluck().all() as Buffer[];
  }

  /** What a new view finds. */
  scan(bucket: Bucket, range: ScanRange = {}): Records {
    const view = this.view();
    try {
      return recordsOf(view, bucket, range);
    } finally {
      view.close();
    }
  }

  /** @param beforeAsking called before each question about the journal */
  view(beforeAsking = (): void => {}): FileView {
    const asker = {
      pragma: (source: string): unknown => {
        beforeAsking();
        return this.#asker.pragma(source);
      },
    };
    return new FileView({ file: this.file, descriptor: this.#descriptor, asker });
  }

  close(): void {
    this.writer.close();
    this.#asker.close();
    closeSync(this.#descriptor);
  }
}

export function recordsOf(view: FileView, bucket: Bucket, range: ScanRange = {}): Records {
  const memory = new BatchMemory();
  let records = "";
  for (const { count, bytes, bounds } of view.scan(bucket, range, memory)) {
    for (let i = 0; i < count; i++) {
      const [start, middle, end] = bounds.subarray(3 * i, 3 * i + 3);
      records += line(bytes.subarray(start, middle), bytes.subarray(middle, end));
    }
    memory.give([bytes.buffer as ArrayBuffer]);
  }
  return records;
}

function line(key: Uint8Array, value: Uint8Array): string {
  return `${asBuffer(key).toString("hex")} ${asBuffer(value).toString("hex")}\n`;
}
