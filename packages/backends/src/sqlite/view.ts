import { asBuffer } from "@kvorum/base";
import { toBackendError } from "../common/backend-errors.js";
import type { Health } from "../common/health.js";
import { damagedRecord, unseal } from "../common/record-checksum.js";
import { ScanBatchBuilder, yieldToEvents } from "../common/scan-batch.js";
import { BackendError, type Bucket, type ScanBatch, type ScanRange, type View } from "../port.js";
import { type Connection, openConnection } from "./connection.js";

/** A read transaction on a connection of its own. */
export class SqliteView implements View {
  readonly #file: string;
  readonly #health: Health;
  readonly #onClose: () => void;
  readonly #connection: Connection;
  #open = true;

  constructor(file: string, health: Health, onClose: () => void) {
    this.#file = file;
    this.#health = health;
    this.#onClose = onClose;
    let connection: Connection | undefined;
    try {
      connection = openConnection(file);
      connection.exec("BEGIN");
      // The transaction takes its place in the journal with its first read.
      connection.prepare('SELECT 1 FROM "meta" LIMIT 1').get();
    } catch (error) {
      connection?.close();
      throw toBackendError(error, file);
    }
    this.#connection = connection;
  }

  async *scan(bucket: Bucket, range: ScanRange = {}): AsyncGenerator<ScanBatch> {
    let after: Uint8Array | undefined;
    for (;;) {
      const batch = this.#next(bucket, range, after);
      if (batch === undefined) return;
      after = batch.keys.at(-1);
      yield batch;
      await yieldToEvents();
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#connection.close();
    this.#onClose();
  }

  /** Each batch is a query of its own, so that none stays open between them. */
  #next(bucket: Bucket, range: ScanRange, after: Uint8Array | undefined): ScanBatch | undefined {
    if (!this.#open) throw new BackendError("CLOSED", "the view is closed");
    this.#health.check();
    const from = after ?? range.start ?? Buffer.alloc(0);
    const conditions = [after === undefined ? "key >= ?" : "key > ?"];
    const bounds = [asBuffer(from)];
    if (range.end !== undefined) {
      conditions.push("key < ?");
      bounds.push(asBuffer(range.end));
    }
    const sql = `SELECT key, value FROM "${bucket}" WHERE ${conditions.join(" AND ")} ORDER BY key`;
    const builder = new ScanBatchBuilder();
    try {
      const rows = this.#connection
        .prepare(sql)
        .raw()
        .iterate(...bounds);
      for (const row of rows) {
        const [key, stored] = row as [unknown, unknown];
        // Damage to a row's header turns a blob into a number, a text or null.
        if (!Buffer.isBuffer(key) || !Buffer.isBuffer(stored)) {
          throw damagedRecord(this.#file, bucket, Buffer.from(String(key)));
        }
        builder.add(key, unseal({ bucket, key, stored, file: this.#file }));
        if (builder.full) break;
      }
    } catch (error) {
      throw toBackendError(error, this.#file);
    }
    return builder.empty ? undefined : builder.take();
  }
}
