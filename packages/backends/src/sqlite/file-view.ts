import { asBuffer, compareBytes } from "@kvorum/base";
import { toBackendError } from "../common/backend-errors.js";
import { BatchChecksum } from "../common/batch-checksum.js";
import { BUCKET_IDS } from "../common/bucket-id.js";
import { CHECKSUM_BYTES, damagedRecord, readUint32 } from "../common/record-checksum.js";
import type { ServedView } from "../common/serve-scans.js";
import { SCAN_BATCH_BYTES_MAX, SCAN_BATCH_RECORDS_MAX } from "../limits.js";
import type { BackendError, Bucket, PackedRecords, ScanRange } from "../port.js";
import { type Connection, openConnection } from "./connection.js";

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
   * query for their lengths and for their bytes in one piece. `group_concat` makes a text of the
   * bytes without looking at it, and the cast takes them as they are; lengths, numbers of rows and
   * checksums are compared. How many rows make a batch is guessed from the last one. Records that
   * are much larger than those are left out of the bytes, so that no guess takes much memory; the
   * batch then ends before them.
   */
  *scan(bucket: Bucket, range: ScanRange): Generator<PackedRecords, void> {
    const queries = this.#queries(bucket, range);
    const unpacker = new Unpacker(this.#file, bucket);
    let from = asBuffer(range.start ?? EMPTY);
    let query = queries.first;
    for (;;) {
      let records: PackedRecords | undefined;
      try {
        records = unpacker.next((guess) => query(from, guess));
      } catch (error) {
        throw toBackendError(error, this.#file);
      }
      if (records === undefined) return;
      const last = lastKey(records);
      if (query === queries.next && compareBytes(last, from) <= 0) throw unpacker.damaged(last);
      yield records;
      from = last;
      query = queries.next;
    }
  }

  close(): void {
    this.#connection.close();
  }

  #queries(bucket: Bucket, { end }: ScanRange): { readonly first: Query; readonly next: Query } {
    const make = (comparison: string): Query => {
      const condition = `key ${comparison} ?${end === undefined ? "" : " AND key < ?"}`;
      const rows = `SELECT key, value FROM "${bucket}" WHERE ${condition} ORDER BY key LIMIT ?`;
      const lengths = `group_concat(length(value) * ${KEY_BYTES_BOUND} + length(key), ' ')`;
      const pair = "CASE WHEN length(key) + length(value) <= ? THEN key || value ELSE '' END";
      const columns = `CAST(${lengths} AS BLOB), CAST(group_concat(${pair}, '') AS BLOB)`;
      const statement = this.#connection
        .prepare(`SELECT count(*), ${columns} FROM (${rows})`)
        .raw();
      const bounds = end === undefined ? [] : [asBuffer(end)];
      return (from, { rowsMax, recordBytesMax }) =>
        statement.get(recordBytesMax, from, ...bounds, rowsMax) as ReturnType<Query>;
    };
    return { first: make(">="), next: make(">") };
  }
}

const EMPTY = Buffer.alloc(0);

/** Above the length of any key: both lengths of a record go in one number. */
const KEY_BYTES_BOUND = 65_536;

interface Guess {
  readonly rowsMax: number;
  /** Of key and stored value. */
  readonly recordBytesMax: number;
}

/** The number of rows, their lengths, and their bytes. */
type Query = (from: Buffer, guess: Guess) => readonly [number, unknown, unknown];

/** A record that is so many times as long as those before is left out of the bytes of a query. */
const LARGER_FACTOR = 4;
const RECORD_BYTES_FIRST = SCAN_BATCH_BYTES_MAX / SCAN_BATCH_RECORDS_MAX;

/** Asks for batches, takes the joined bytes of records apart and checks each. */
class Unpacker {
  readonly #file: string;
  readonly #bucket: Bucket;
  readonly #checksum: BatchChecksum;
  /** About the length of a record. */
  #recordBytes = RECORD_BYTES_FIRST;

  constructor(file: string, bucket: Bucket) {
    this.#file = file;
    this.#bucket = bucket;
    this.#checksum = new BatchChecksum(BUCKET_IDS[bucket]);
  }

  /** Undefined when there are no more records. */
  next(query: (guess: Guess) => ReturnType<Query>): PackedRecords | undefined {
    const rowsMax = Math.ceil(SCAN_BATCH_BYTES_MAX / this.#recordBytes);
    const recordBytesMax = Math.ceil(LARGER_FACTOR * this.#recordBytes);
    const records = this.#unpack(query({ rowsMax, recordBytesMax }), recordBytesMax);
    if (records?.count !== 0) return records;
    return this.#unpack(query({ rowsMax: 1, recordBytesMax: Infinity }), Infinity);
  }

  #unpack(
    [rows, lengths, bytes]: ReturnType<Query>,
    recordBytesMax: number,
  ): PackedRecords | undefined {
    if (rows === 0) return undefined;
    if (!Buffer.isBuffer(lengths) || !Buffer.isBuffer(bytes)) throw this.damaged(EMPTY);
    const bounds = new Uint32Array(3 * rows);
    const digits = new NumberReader(lengths);
    let count = 0;
    let end = 0;
    // Records move up over the checksums between them: consumers copy what lies side by side.
    let to = 0;
    // After a record that was left out, only the bytes of the others are counted.
    let isCut = false;
    for (let row = 0; row < rows; row++) {
      const both = digits.next();
      const keyBytes = both % KEY_BYTES_BOUND;
      const recordBytes = keyBytes + Math.floor(both / KEY_BYTES_BOUND);
      if (recordBytes > recordBytesMax) isCut = true;
      else {
        if (!isCut) {
          const valueEnd = end + recordBytes - CHECKSUM_BYTES;
          if (valueEnd + CHECKSUM_BYTES > bytes.length || valueEnd < end + keyBytes) {
            throw this.damaged(bytes.subarray(end, end + keyBytes));
          }
          this.#checksum.expect(valueEnd - end, readUint32(bytes, valueEnd));
          if (to < end) bytes.copyWithin(to, end, valueEnd);
          bounds[3 * count] = to;
          bounds[3 * count + 1] = to + keyBytes;
          to += valueEnd - end;
          bounds[3 * count + 2] = to;
          count++;
          if (end + recordBytes >= SCAN_BATCH_BYTES_MAX) isCut = true;
        }
        end += recordBytes;
      }
    }
    if (end !== bytes.length || !digits.ended) throw this.damaged(EMPTY);
    if (count > 0) {
      const damaged = this.#checksum.findDamaged({ count, bytes, bounds });
      if (damaged !== undefined) {
        throw this.damaged(bytes.subarray(bounds[3 * damaged], bounds[3 * damaged + 1]));
      }
      this.#recordBytes = this.#nextGuess(to / count);
    }
    return { count, bytes: ownMemory(bytes), bounds };
  }

  /** Falls slowly, so that small records among large ones don't make every guess a bad one. */
  #nextGuess(recordBytes: number): number {
    return Math.max(RECORD_BYTES_FIRST, recordBytes, this.#recordBytes / 2);
  }

  damaged(key: Buffer): BackendError {
    return damagedRecord(this.#file, this.#bucket, key);
  }
}

/** Reads decimal numbers with one space between them. */
class NumberReader {
  readonly #text: Buffer;
  #at = 0;

  constructor(text: Buffer) {
    this.#text = text;
  }

  get ended(): boolean {
    return this.#at === this.#text.length + 1;
  }

  /** NaN behind the last one and where there is no number. */
  next(): number {
    const text = this.#text;
    let at = this.#at;
    let number = at < text.length ? 0 : Number.NaN;
    for (; at < text.length && text[at] !== SPACE; at++) number = 10 * number + text[at]! - ZERO;
    this.#at = at + 1;
    return number;
  }
}

const SPACE = 0x20;
const ZERO = 0x30;

function lastKey({ count, bytes, bounds }: PackedRecords): Buffer {
  return Buffer.from(bytes.subarray(bounds[3 * count - 3], bounds[3 * count - 2]));
}

/** The bytes in memory that can be given away. */
function ownMemory(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
