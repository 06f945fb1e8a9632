import { asBuffer, compareBytes } from "@kvorum/base";
import { toBackendError } from "../common/backend-errors.js";
import { BUCKET_IDS } from "../common/bucket-id.js";
import { PackedBuilder } from "../common/packed-batch.js";
import { CHECKSUM_BYTES, damagedRecord, RunChecksum } from "../common/record-checksum.js";
import type { ServedView } from "../common/serve-scans.js";
import { SCAN_BATCH_BYTES_MAX, SCAN_BATCH_RECORDS_MAX } from "../limits.js";
import type { BackendError, Bucket, PackedRecords, ScanRange } from "../port.js";
import { type Connection, openConnection, type Statement } from "./connection.js";

/** A read transaction on a connection of its own, in the scanning thread. */
export class FileView implements ServedView {
  readonly #file: string;
  readonly #connection: Connection;

  constructor(file: string) {
    this.#file = file;
    this.#connection = openConnection(file);
    try {
      this.#connection.exec("BEGIN");
      // The transaction takes its place in the journal with its first read.
      this.#connection.prepare('SELECT 1 FROM "meta" LIMIT 1').get();
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  /**
   * Handing over a row costs more than finding it, so SQLite joins the rows of a batch itself: one
   * query for the lengths of the next records, which tells how many make a batch, and one for their
   * bytes in one piece. `group_concat` makes a text of them without looking at it, and the cast
   * takes its bytes as they are; lengths, numbers of rows and checksums are compared.
   */
  *scan(bucket: Bucket, range: ScanRange): Generator<PackedRecords, void> {
    const queries = this.#queries(bucket, range);
    const unpacker = new Unpacker(this.#file, bucket);
    let from = asBuffer(range.start ?? EMPTY);
    let query = queries.first;
    for (;;) {
      let last: Buffer | undefined;
      try {
        last = this.#step(query, from, unpacker);
      } catch (error) {
        throw toBackendError(error, this.#file);
      }
      if (last === undefined) return;
      if (query === queries.next && compareBytes(last, from) <= 0) throw unpacker.damaged(last);
      yield unpacker.take();
      from = last;
      query = queries.next;
    }
  }

  close(): void {
    this.#connection.close();
  }

  /** Unpacks one batch and returns its last key; undefined when there are no more records. */
  #step(query: Query, from: Buffer, unpacker: Unpacker): Buffer | undefined {
    const [rows, lengths] = query.lengths(from, SCAN_BATCH_RECORDS_MAX) as [number, unknown];
    if (rows === 0) return undefined;
    const count = unpacker.plan(rows, lengths);
    const [found, bytes] = query.bytes(from, count) as [number, unknown];
    if (found !== count || !Buffer.isBuffer(bytes)) throw unpacker.damaged(from);
    return unpacker.unpack(bytes, count);
  }

  #queries(bucket: Bucket, { end }: ScanRange): { readonly first: Query; readonly next: Query } {
    const make = (comparison: string): Query => {
      const condition = `key ${comparison} ?${end === undefined ? "" : " AND key < ?"}`;
      const rows = `SELECT key, value FROM "${bucket}" WHERE ${condition} ORDER BY key LIMIT ?`;
      const prepare = (columns: string): Statement =>
        this.#connection.prepare(`SELECT count(*), ${columns} FROM (${rows})`).raw();
      const lengths = prepare("group_concat(length(key) || ' ' || length(value), ' ')");
      const bytes = prepare("CAST(group_concat(key || value, '') AS BLOB)");
      const bounds = end === undefined ? [] : [asBuffer(end)];
      return {
        lengths: (from, limit) => lengths.get(from, ...bounds, limit),
        bytes: (from, limit) => bytes.get(from, ...bounds, limit),
      };
    };
    return { first: make(">="), next: make(">") };
  }
}

const EMPTY = Buffer.alloc(0);

interface Query {
  lengths(from: Buffer, limit: number): unknown;
  bytes(from: Buffer, limit: number): unknown;
}

/** Takes the joined bytes of records apart and checks each. */
class Unpacker {
  readonly #file: string;
  readonly #bucket: Bucket;
  readonly #checksum: RunChecksum;
  readonly #builder = new PackedBuilder();
  /** Length of key and of stored value, in turns, of the records that were asked for. */
  #lengths: number[] = [];

  constructor(file: string, bucket: Bucket) {
    this.#file = file;
    this.#bucket = bucket;
    this.#checksum = new RunChecksum(BUCKET_IDS[bucket]);
  }

  /** How many of the next records make a batch. */
  plan(rows: number, lengths: unknown): number {
    this.#lengths = typeof lengths === "string" ? lengths.split(" ").map(Number) : [];
    if (this.#lengths.length !== 2 * rows) throw this.damaged(EMPTY);
    let bytes = 0;
    for (let i = 0; i < rows; i++) {
      bytes += this.#lengths[2 * i]! + this.#lengths[2 * i + 1]!;
      if (bytes >= SCAN_BATCH_BYTES_MAX) return i + 1;
    }
    return rows;
  }

  unpack(bytes: Buffer, count: number): Buffer {
    const lengths = this.#lengths;
    let keyStart = 0;
    let valueStart = 0;
    let end = 0;
    for (let i = 0; i < count; i++) {
      keyStart = end;
      valueStart = keyStart + lengths[2 * i]!;
      end = valueStart + lengths[2 * i + 1]!;
      const valueEnd = end - CHECKSUM_BYTES;
      if (
        !(end <= bytes.length && valueEnd >= valueStart) ||
        this.#checksum.of(bytes, keyStart, valueEnd) !== bytes.readUInt32LE(valueEnd)
      ) {
        throw this.damaged(bytes.subarray(keyStart, valueStart));
      }
      this.#builder.add(bytes, { keyStart, valueStart, valueEnd });
    }
    if (end !== bytes.length) throw this.damaged(bytes.subarray(keyStart, valueStart));
    return Buffer.from(bytes.subarray(keyStart, valueStart));
  }

  take(): PackedRecords {
    return this.#builder.take();
  }

  damaged(key: Buffer): BackendError {
    return damagedRecord(this.#file, this.#bucket, key);
  }
}
