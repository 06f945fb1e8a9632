import { asBuffer, utf8 } from "@kvorum/base";
import { crc32c } from "@node-rs/crc32";
import type { BatchCursor } from "./batch-cursor.js";

export interface RevisionHasherOptions {
  /** Records at or below it count only if they are kept; -1 for none. */
  readonly compactRevision: number;
  /** Records above it don't count. */
  readonly revision: number;
  /** Whether nothing at all is kept: then everything counts, as in etcd. */
  readonly keepsNothing: boolean;
  /** Whether the keep set holds the revision of this record; asked only if it depends on that. */
  readonly keeps: (cursor: BatchCursor) => boolean;
}

/**
 * HashKV's CRC-32C over "key" and the counted records of that bucket in key order. The bytes are
 * gathered, so that the checksum is called once for many records. Source: etcd's kvHasher.
 */
export class RevisionHasher {
  readonly #options: RevisionHasherOptions;
  readonly #gather = new CrcGatherer();

  constructor(options: RevisionHasherOptions) {
    this.#options = options;
    this.#gather.add(BUCKET_NAME);
  }

  /** Adds the record at which the cursor stands. */
  add(cursor: BatchCursor): void {
    const { compactRevision, revision, keepsNothing, keeps } = this.#options;
    const { main } = cursor;
    if (main > revision) return;
    if (main <= compactRevision && !keepsNothing && !keeps(cursor)) return;
    // A tombstone at the compact revision may be gone on members of older releases.
    if (main === compactRevision && cursor.isTombstone) return;
    this.#gather.addRecord(cursor);
  }

  /** Nothing of the batch is needed any more. Call it before its memory is let go of. */
  endBatch(): void {
    this.#gather.endBatch();
  }

  digest(): number {
    return this.#gather.digest();
  }
}

/**
 * CRC-32C over many small pieces. Records that lie side by side in a batch are taken as one piece,
 * where they are.
 */
export class CrcGatherer {
  readonly #buffer = Buffer.allocUnsafe(GATHER_BYTES);
  #length = 0;
  #crc: number | undefined = undefined;
  /** The records added last, not yet counted: `#run[#runStart, #runEnd)`. */
  #run: Buffer = EMPTY;
  #runStart = 0;
  #runEnd = 0;

  add(bytes: Uint8Array): void {
    this.endBatch();
    this.#addAt(asBuffer(bytes), 0, bytes.length);
  }

  /** Adds the key and the record at which the cursor stands; `endBatch` must follow in time. */
  addRecord(cursor: BatchCursor): void {
    const { keyBytes, keyStart, keyEnd, recordBytes, recordStart, recordEnd } = cursor;
    this.#extendRun(keyBytes, keyStart, keyEnd);
    this.#extendRun(recordBytes, recordStart, recordEnd);
  }

  /** Nothing of the records is needed any more. Call it before their memory is let go of. */
  endBatch(): void {
    this.#addAt(this.#run, this.#runStart, this.#runEnd);
    this.#run = EMPTY;
    this.#runStart = 0;
    this.#runEnd = 0;
  }

  digest(): number {
    this.endBatch();
    this.#flush();
    return this.#crc ?? 0;
  }

  #extendRun(bytes: Buffer, start: number, end: number): void {
    if (this.#run !== bytes || this.#runEnd !== start) {
      this.endBatch();
      this.#run = bytes;
      this.#runStart = start;
    }
    this.#runEnd = end;
  }

  #addAt(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    if (length > PIECE_BYTES || this.#length + length > GATHER_BYTES) this.#flush();
    if (length > PIECE_BYTES) {
      this.#update(bytes.subarray(start, end));
      return;
    }
    bytes.copy(this.#buffer, this.#length, start, end);
    this.#length += length;
  }

  #flush(): void {
    if (this.#length === 0) return;
    this.#update(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }

  #update(bytes: Buffer): void {
    this.#crc = this.#crc === undefined ? crc32c(bytes) : crc32c(bytes, this.#crc);
  }
}

const BUCKET_NAME = utf8("key");
const EMPTY = Buffer.alloc(0);
const GATHER_BYTES = 64 * 1024;
/** Above this a call costs less than copying. */
const PIECE_BYTES = 8 * 1024;
