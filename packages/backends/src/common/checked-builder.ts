import type { Bucket, PackedRecords } from "../port.js";
import { BatchChecksum } from "./batch-checksum.js";
import type { BatchMemory } from "./batch-memory.js";
import { BUCKET_IDS } from "./bucket-id.js";
import { PackedBuilder, type StoredParts } from "./packed-batch.js";
import { CHECKSUM_BYTES, damagedRecord, readUint32 } from "./record-checksum.js";

export interface CheckedBuilderOptions {
  /** What to name in errors. */
  readonly file: string;
  readonly bucket: Bucket;
  readonly memory?: BatchMemory;
  /** As of a `PackedBuilder`. */
  readonly windowBytes?: number;
  /** The caller compares each key with the one before it. */
  readonly inOrder?: boolean;
}

/** A `PackedBuilder` of records with their stored checksums: no batch leaves it unchecked. */
export class CheckedBuilder {
  readonly #options: CheckedBuilderOptions;
  readonly #builder: PackedBuilder;
  readonly #checksum: BatchChecksum;

  constructor(options: CheckedBuilderOptions) {
    this.#options = options;
    this.#builder = new PackedBuilder(options);
    this.#checksum = new BatchChecksum(BUCKET_IDS[options.bucket]);
  }

  get empty(): boolean {
    return this.#builder.empty;
  }

  /** As of a `PackedBuilder`. */
  get window(): Buffer {
    return this.#builder.window;
  }

  /** As of a `PackedBuilder`. */
  get full(): boolean {
    return this.#builder.full;
  }

  /**
   * Adds a record whose key, value and checksum stand side by side in `source`, the value up to
   * `valueEnd`.
   */
  addJoined(source: Uint8Array, keyStart: number, valueStart: number, valueEnd: number): void {
    this.#builder.addJoined(source, keyStart, valueStart, valueEnd);
    this.#checksum.expect(valueEnd - keyStart, readUint32(source, valueEnd));
  }

  /** Adds a record whose parts stand apart. */
  addParts(key: Uint8Array, value: Uint8Array, checksum: number): void {
    this.#builder.addParts(key, value);
    this.#checksum.expect(key.length + value.length, checksum);
  }

  /**
   * Adds a record from a store that puts one byte before each key, and its checksum behind its value.
   * @throws BackendError "CORRUPT"
   */
  addStored(record: StoredParts): void {
    const { key, keyLength, values, valueStart, valueEnd } = record;
    const end = valueEnd - CHECKSUM_BYTES;
    if (end < valueStart) throw this.#damaged(key.subarray(1, keyLength));
    this.#builder.addStored(record, CHECKSUM_BYTES);
    this.#checksum.expect(keyLength - 1 + end - valueStart, readUint32(values, end));
  }

  /**
   * The records so far, in memory of their own; the builder starts anew.
   * @throws BackendError "CORRUPT"
   */
  take(): PackedRecords {
    const records = { ...this.#builder.take(), inOrder: this.#options.inOrder };
    const index = this.#checksum.findDamaged(records);
    if (index === undefined) return records;
    const { bytes, bounds } = records;
    throw this.#damaged(bytes.subarray(bounds[3 * index], bounds[3 * index + 1]));
  }

  #damaged(key: Uint8Array): Error {
    return damagedRecord(this.#options.file, this.#options.bucket, key);
  }
}
