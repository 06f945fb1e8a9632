import { asBuffer } from "@kvorum/base";
import { crc32c } from "@node-rs/crc32";
import { BackendError, type Bucket } from "../port.js";
import { BUCKET_IDS } from "./bucket-id.js";

/**
 * Every persistent engine stores a value with four more bytes:
 *
 *     value (n bytes) | CRC-32C of bucket id, key and value (4 bytes, little-endian)
 *
 * So a damaged record, and one that stands under a wrong key or bucket, is found when it is read,
 * whatever the engine itself checks (LMDB and SQLite check nothing, LevelDB only on compaction).
 */
export const CHECKSUM_BYTES = 4;

/** Below this length the loop over a table is faster than the call into native code. */
const NATIVE_BYTES_MIN = 48;

const TABLE = buildTable();

/** The unsigned CRC-32C over bucket id, key and value. */
export function recordChecksum(bucket: Bucket, key: Uint8Array, value: Uint8Array): number {
  return checksumOf(BUCKET_IDS[bucket], key, value);
}

/** As `recordChecksum`, by the number of the bucket. */
export function checksumOf(bucketId: number, key: Uint8Array, value: Uint8Array): number {
  const head = extend(extendByte(0, bucketId), key);
  return extend(head, value);
}

/**
 * The checksums of many records of one bucket, where key and value stand one after the other: one
 * native call a record.
 */
export class RunChecksum {
  readonly #head: number;

  constructor(bucketId: number) {
    this.#head = extendByte(0, bucketId);
  }

  /** Of the key and the value at [start, end). */
  of(bytes: Buffer, start: number, end: number): number {
    return extend(this.#head, new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
  }

  ofParts(key: Uint8Array, value: Uint8Array): number {
    return extend(extend(this.#head, key), value);
  }
}

/** Writes value and checksum at `offset` of `target` and returns the position behind them. */
export function writeSealed(
  target: Buffer,
  offset: number,
  record: { readonly bucket: Bucket; readonly key: Uint8Array; readonly value: Uint8Array },
): number {
  const { bucket, key, value } = record;
  target.set(value, offset);
  return target.writeUInt32LE(recordChecksum(bucket, key, value), offset + value.length);
}

/** A record as it is stored, and the file to name when it is damaged. */
export interface StoredRecord {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  /** Value and checksum. */
  readonly stored: Uint8Array;
  readonly file: string;
}

/**
 * The value of a stored record: the same memory without the checksum.
 * @throws BackendError "CORRUPT"
 */
export function unseal(record: StoredRecord): Uint8Array {
  const { bucket, key, stored, file } = record;
  const length = stored.length - CHECKSUM_BYTES;
  if (length >= 0) {
    const value = stored.subarray(0, length);
    if (recordChecksum(bucket, key, value) === readUint32(stored, length)) return value;
  }
  throw damagedRecord(file, bucket, key);
}

/**
 * As `unseal`, but a copy: for memory that the engine uses again.
 * @throws BackendError "CORRUPT"
 */
export function unsealCopy(record: StoredRecord): Uint8Array {
  const { bucket, key, stored, file } = record;
  const length = stored.length - CHECKSUM_BYTES;
  if (length >= 0) {
    const value = Uint8Array.prototype.slice.call(stored, 0, length);
    if (recordChecksum(bucket, key, value) === readUint32(stored, length)) return value;
  }
  throw damagedRecord(file, bucket, key);
}

export function damagedRecord(file: string, bucket: Bucket, key: Uint8Array): BackendError {
  const shown = asBuffer(key.subarray(0, 64)).toString("hex");
  return new BackendError(
    "CORRUPT",
    `${file}: the record ${shown} of bucket "${bucket}" is damaged (wrong checksum); ` +
      "restore this member from a snapshot or from its peers",
  );
}

/** Several times faster than `readUInt32LE` of a `Buffer`, which checks its argument. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

function extend(crc: number, bytes: Uint8Array): number {
  const length = bytes.length;
  if (length >= NATIVE_BYTES_MIN) return crc32c(bytes, crc);
  let state = ~crc;
  for (let i = 0; i < length; i++) state = TABLE[(state ^ bytes[i]!) & 0xff]! ^ (state >>> 8);
  return ~state >>> 0;
}

function extendByte(crc: number, byte: number): number {
  const state = ~crc;
  return ~(TABLE[(state ^ byte) & 0xff]! ^ (state >>> 8)) >>> 0;
}

function buildTable(): Int32Array {
  const table = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    let entry = i;
    for (let bit = 0; bit < 8; bit++) entry = (entry >>> 1) ^ (entry & 1 ? 0x82f63b78 : 0);
    table[i] = entry;
  }
  return table;
}
