import { closeSync, openSync } from "node:fs";
import { asBuffer, compareBytes } from "@kvorum/base";
import type { BatchMemory } from "../common/batch-memory.js";
import { BUCKET_IDS } from "../common/bucket-id.js";
import { CheckedBuilder } from "../common/checked-builder.js";
import { damagedPage } from "../common/damaged-page.js";
import { CHECKSUM_BYTES, damagedRecord, RunChecksum } from "../common/record-checksum.js";
import type { ServedView } from "../common/serve-scans.js";
import type { Bucket, PackedRecords, ScanRange } from "../port.js";
import { aboveHead, HEAD_BYTES, headOf, isLongKey, splitLong, storedKey } from "./key-codec.js";
import type { Tree } from "./page-format.js";
import { leavesBytes, TreeScan } from "./tree-scan.js";
import { readTables } from "./verify.js";

/**
 * A view in the scanning thread: the newest trees in the file when it is made. The store has opened
 * a read transaction before and keeps it open, so that LMDB uses none of their pages again.
 */
export class FileView implements ServedView {
  readonly #file: string;
  readonly #descriptor: number;
  readonly #pageBytes: number;
  readonly #trees: ReadonlyMap<string, Tree>;

  constructor(file: string) {
    this.#file = file;
    this.#descriptor = openSync(file, "r");
    try {
      const { meta, tables } = readTables(file, this.#descriptor);
      this.#pageBytes = meta.pageBytes;
      this.#trees = new Map(tables.map(({ name, tree }) => [name, tree]));
    } catch (error) {
      closeSync(this.#descriptor);
      throw error;
    }
  }

  *scan(bucket: Bucket, range: ScanRange, memory: BatchMemory): Generator<PackedRecords, void> {
    const tree = this.#trees.get(bucket);
    const stored = storedRange(range);
    if (tree === undefined) throw damagedPage(this.#file, 0, `no table "${bucket}"`);
    if (stored === undefined) return;
    const collector = new Collector({
      file: this.#file,
      bucket,
      range,
      memory,
      windowBytes: leavesBytes(this.#pageBytes),
    });
    const options = {
      path: this.#file,
      descriptor: this.#descriptor,
      pageBytes: this.#pageBytes,
    };
    for (const _ of new TreeScan(options, tree, stored, collector).run()) {
      yield* collector.ready();
    }
    collector.finish();
    yield* collector.ready();
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** The stored keys that can hold a range; undefined when there are none. */
function storedRange({
  start,
  end,
}: ScanRange):
  | { readonly start: Buffer | undefined; readonly end: Buffer | undefined }
  | undefined {
  const from = start === undefined || start.length === 0 ? undefined : headOf(start);
  const to = end === undefined ? undefined : isLongKey(end) ? aboveHead(end) : storedKey(end);
  if (to !== undefined && (to.length === 0 || (from && compareBytes(from, to) >= 0))) return;
  return { start: from, end: to };
}

interface FullPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Packs records into batches that are checked against the checksums of the records. */
class Collector {
  readonly #file: string;
  readonly #bucket: Bucket;
  readonly #range: ScanRange;
  readonly #checksum: RunChecksum;
  readonly #builder: CheckedBuilder;
  #full: PackedRecords[] = [];
  /** Keys that share a long head come in the order of their hashes: they are sorted first. */
  #group: FullPair[] = [];

  constructor(options: {
    readonly file: string;
    readonly bucket: Bucket;
    readonly range: ScanRange;
    readonly memory: BatchMemory;
    readonly windowBytes: number;
  }) {
    const { file, bucket, range } = options;
    this.#file = file;
    this.#bucket = bucket;
    this.#range = range;
    this.#builder = new CheckedBuilder({ ...options, inOrder: true });
    this.#checksum = new RunChecksum(BUCKET_IDS[bucket]);
  }

  get window(): Buffer {
    return this.#builder.window;
  }

  inline(bytes: Buffer, keyStart: number, valueStart: number, storedEnd: number): void {
    if (valueStart - keyStart > HEAD_BYTES) {
      const stored = Buffer.from(bytes.subarray(valueStart, storedEnd));
      this.#long(Buffer.from(bytes.subarray(keyStart, valueStart)), stored);
      return;
    }
    if (this.#group.length > 0) this.#drain();
    const valueEnd = storedEnd - CHECKSUM_BYTES;
    if (valueEnd < valueStart) throw this.#damaged(bytes.subarray(keyStart, valueStart));
    this.#builder.addJoined(bytes, keyStart, valueStart, valueEnd);
    this.#flush();
  }

  large(key: Buffer, stored: Buffer): void {
    if (key.length > HEAD_BYTES) {
      this.#long(Buffer.from(key), stored);
      return;
    }
    if (this.#group.length > 0) this.#drain();
    const end = stored.length - CHECKSUM_BYTES;
    if (end < 0) throw this.#damaged(key);
    this.#builder.addParts(key, stored.subarray(0, end), stored.readUInt32LE(end));
    this.#flush();
  }

  /** The batches that are full. */
  ready(): readonly PackedRecords[] {
    if (this.#full.length === 0) return NONE;
    const full = this.#full;
    this.#full = [];
    return full;
  }

  finish(): void {
    this.#drain();
    if (!this.#builder.empty) this.#full.push(this.#builder.take());
  }

  /** The checksum covers the full key, which stands in the value; so that is taken apart first. */
  #long(stored: Buffer, value: Buffer): void {
    const key = splitLong(value)?.key ?? stored;
    const pair = splitLong(this.#unseal(key, value));
    // The order of heads was compared as they are stored.
    const head = stored.subarray(0, HEAD_BYTES);
    if (pair === undefined || compareBytes(headOf(pair.key), head) !== 0) throw this.#damaged(key);
    const [first] = this.#group;
    if (first !== undefined && compareBytes(headOf(first.key), headOf(pair.key)) !== 0) {
      this.#drain();
    }
    this.#group.push(pair);
  }

  #drain(): void {
    const group = this.#group;
    this.#group = [];
    group.sort((left, right) => compareBytes(left.key, right.key));
    const { start, end } = this.#range;
    for (const { key, value } of group) {
      if (start !== undefined && compareBytes(key, start) < 0) continue;
      if (end !== undefined && compareBytes(key, end) >= 0) continue;
      this.#add(key, value);
    }
  }

  #add(key: Uint8Array, value: Uint8Array): void {
    this.#builder.addParts(key, value, this.#checksum.ofParts(key, value));
    this.#flush();
  }

  #flush(): void {
    if (this.#builder.full) this.#full.push(this.#builder.take());
  }

  #unseal(key: Uint8Array, stored: Buffer): Buffer {
    const end = stored.length - CHECKSUM_BYTES;
    if (end >= 0) {
      const value = stored.subarray(0, end);
      if (this.#checksum.ofParts(key, value) === stored.readUInt32LE(end)) return value;
    }
    throw this.#damaged(key);
  }

  #damaged(key: Uint8Array): Error {
    return damagedRecord(this.#file, this.#bucket, asBuffer(key));
  }
}

const NONE: readonly PackedRecords[] = [];
