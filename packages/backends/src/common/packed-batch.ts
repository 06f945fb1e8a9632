import { SCAN_BATCH_BYTES_MAX, SCAN_BATCH_RECORDS_MAX } from "../limits.js";
import type { PackedRecords, ScanBatch } from "../port.js";
import { BatchMemory } from "./batch-memory.js";

/** A batch that stands in one piece of memory; the arrays of views are made when asked for. */
export class PackedBatch implements ScanBatch {
  readonly packed: PackedRecords;
  #keys: Uint8Array[] | undefined;
  #values: Uint8Array[] | undefined;

  constructor(packed: PackedRecords) {
    this.packed = packed;
  }

  get keys(): readonly Uint8Array[] {
    this.#keys ??= this.#views(0);
    return this.#keys;
  }

  get values(): readonly Uint8Array[] {
    this.#values ??= this.#views(1);
    return this.#values;
  }

  #views(part: 0 | 1): Uint8Array[] {
    const { bytes, bounds, count } = this.packed;
    const { buffer, byteOffset } = bytes;
    const views = new Array<Uint8Array>(count);
    for (let i = 0, at = part; i < count; i++, at += 3) {
      const start = bounds[at]!;
      // The constructor is several times faster than `subarray`.
      views[i] = new Uint8Array(buffer, byteOffset + start, bounds[at + 1]! - start);
    }
    return views;
  }
}

/** The records of any batch in one piece of memory: what it has, or a copy. */
export function packedOf(batch: ScanBatch): PackedRecords {
  if (batch.packed !== undefined) return batch.packed;
  const builder = new PackedBuilder();
  const { keys, values } = batch;
  for (let i = 0; i < keys.length; i++) builder.addParts(keys[i]!, values[i]!);
  return builder.take();
}

/** A record as it lies in a store: the key is the first `keyLength` bytes of `key`. */
export interface StoredParts {
  readonly key: Buffer;
  readonly keyLength: number;
  readonly values: Buffer;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface PackedBuilderOptions {
  readonly memory?: BatchMemory | undefined;
  /** Size of `window`. Default 0. */
  readonly windowBytes?: number | undefined;
}

/**
 * Collects consecutive records as copies until a batch is full.
 *
 *     memory of a batch = records | window
 */
export class PackedBuilder {
  readonly #memory: BatchMemory;
  readonly #windowBytes: number;
  #bytes: Buffer;
  /** Bytes before the window. */
  #capacity: number;
  #window: Buffer | undefined;
  #bounds = new Uint32Array(FIRST_BOUNDS);
  #count = 0;
  #length = 0;
  /** Where the last record from elsewhere came from. */
  #source: Uint8Array;
  #sourceMemory: ArrayBufferLike;
  #sourceOffset = 0;

  constructor({ memory = new BatchMemory(), windowBytes = 0 }: PackedBuilderOptions = {}) {
    this.#memory = memory;
    this.#windowBytes = windowBytes;
    this.#capacity = windowBytes === 0 ? FIRST_BYTES : BATCH_BYTES;
    this.#bytes = Buffer.allocUnsafeSlow(this.#capacity + windowBytes);
    this.#source = this.#bytes;
    this.#sourceMemory = this.#bytes.buffer;
  }

  /**
   * Where to put what records are read from: moving a record within one piece of memory costs half
   * of what copying it between two does. Goes with the batch, so it is to be asked for anew when one
   * was handed over.
   */
  get window(): Buffer {
    this.#window ??= this.#bytes.subarray(this.#capacity);
    return this.#window;
  }

  /** Adds a record whose value stands behind its key in `source`. */
  addJoined(source: Uint8Array, keyStart: number, valueStart: number, valueEnd: number): void {
    const bytes = valueEnd - keyStart;
    const start = this.#room(bytes);
    if (source === this.#window) {
      const at = this.#capacity;
      this.#bytes.copyWithin(start, at + keyStart, at + valueEnd);
    } else {
      this.#bytes.set(this.#partOf(source, keyStart, valueEnd), start);
    }
    this.#bound(start, start + valueStart - keyStart, start + bytes);
  }

  /** Adds a record whose parts stand apart. */
  addParts(key: Uint8Array, value: Uint8Array): void {
    const start = this.#room(key.length + value.length);
    this.#bytes.set(key, start);
    this.#bytes.set(value, start + key.length);
    this.#bound(start, start + key.length, start + key.length + value.length);
  }

  /**
   * Adds a record from a store that puts one byte before each key and a trailer behind each value,
   * without them.
   */
  addStored(record: StoredParts, trailerBytes: number): void {
    const { key, keyLength, values, valueStart } = record;
    const valueEnd = Math.max(valueStart, record.valueEnd - trailerBytes);
    const end = keyLength - 1 + valueEnd - valueStart;
    const start = this.#room(end);
    const bytes = this.#bytes;
    let to = start;
    // Keys are short, for which a loop is faster than a call.
    for (let i = 1; i < keyLength; i++) bytes[to++] = key[i]!;
    bytes.set(this.#partOf(values, valueStart, valueEnd), to);
    this.#bound(start, to, start + end);
  }

  get empty(): boolean {
    return this.#count === 0;
  }

  /** True when the batch is to be handed over before another record is added. */
  get full(): boolean {
    return this.#count >= SCAN_BATCH_RECORDS_MAX || this.#length >= SCAN_BATCH_BYTES_MAX;
  }

  /** The records so far, in memory of their own; the builder starts anew. */
  take(): PackedRecords {
    const packed = { count: this.#count, bytes: this.#bytes, bounds: this.#bounds };
    // The next batch is probably like this one.
    const bytes = Math.min(this.#capacity, BATCH_BYTES) + this.#windowBytes;
    this.#use(this.#memory.take(bytes));
    this.#bounds = new Uint32Array(this.#bounds.length);
    this.#count = 0;
    this.#length = 0;
    return packed;
  }

  /** Asking for the memory behind bytes costs as much as a copy, so it is kept. */
  #partOf(source: Uint8Array, start: number, end: number): Uint8Array {
    if (source !== this.#source) {
      this.#source = source;
      this.#sourceMemory = source.buffer;
      this.#sourceOffset = source.byteOffset;
    }
    return new Uint8Array(this.#sourceMemory, this.#sourceOffset + start, end - start);
  }

  #room(bytes: number): number {
    const start = this.#length;
    if (start + bytes > this.#capacity) {
      const capacity = Math.max(start + bytes, 4 * this.#capacity);
      const grown = Buffer.allocUnsafeSlow(capacity + this.#windowBytes);
      this.#bytes.copy(grown, 0, 0, start);
      this.#use(grown);
    }
    this.#length = start + bytes;
    return start;
  }

  #use(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#capacity = bytes.length - this.#windowBytes;
    this.#window = undefined;
  }

  #bound(keyStart: number, valueStart: number, valueEnd: number): void {
    const at = 3 * this.#count++;
    if (at === this.#bounds.length) {
      const grown = new Uint32Array(4 * at);
      grown.set(this.#bounds);
      this.#bounds = grown;
    }
    this.#bounds[at] = keyStart;
    this.#bounds[at + 1] = valueStart;
    this.#bounds[at + 2] = valueEnd;
  }
}

/** A full batch and the record that goes over its limit. */
const BATCH_BYTES = SCAN_BATCH_BYTES_MAX + 65_536;
const FIRST_BYTES = BATCH_BYTES >> 6;
const FIRST_BOUNDS = 3 * 64;
