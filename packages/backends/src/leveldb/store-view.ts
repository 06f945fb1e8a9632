import type { BatchMemory } from "../common/batch-memory.js";
import { CheckedBuilder } from "../common/checked-builder.js";
import { CHECKSUM_BYTES, damagedRecord } from "../common/record-checksum.js";
import type { ServedView } from "../common/serve-scans.js";
import type { ServedVerification } from "../common/serve-verification.js";
import { LEVELDB_READ_BYTES_MAX, LEVELDB_READ_RECORDS_MAX } from "../limits.js";
import type { Bucket, PackedRecords, ScanRange } from "../port.js";
import type { CheckedBlocks } from "./checked-blocks.js";
import { storedRange } from "./key-codec.js";
import type { LeveldbStore } from "./open-store.js";
import { RecordMerge } from "./record-cursor.js";
import { StoreFiles } from "./store-files.js";

/** The verification of the tables, in the thread that scans. */
export interface TableVerification extends ServedVerification {
  /** What scans have checked is left out of it. */
  readonly checked: CheckedBlocks;
}

/**
 * A view in the scanning thread. The bucket of revisions is read from the files, because LevelDB's
 * iterator makes two objects with memory of their own for each record; anything else comes through
 * a snapshot of LevelDB.
 */
export class StoreView implements ServedView {
  readonly #store: LeveldbStore;
  readonly #directory: string;
  readonly #snapshot: ReturnType<LeveldbStore["snapshot"]>;
  readonly #files: StoreFiles | undefined;
  readonly #iterators = new Set<{ close(): Promise<void> }>();
  readonly #verification: TableVerification | undefined;
  /** Scans of the files that hold the verification up. */
  #pauses = 0;

  private constructor(
    store: LeveldbStore,
    directory: string,
    parts: {
      readonly files: StoreFiles | undefined;
      readonly verification: TableVerification | undefined;
    },
  ) {
    this.#store = store;
    this.#directory = directory;
    this.#files = parts.files;
    this.#verification = parts.verification;
    this.#snapshot = store.snapshot();
  }

  /**
   * Nothing may be committed until it resolves, so that files and snapshot hold the same.
   * @param verification when tables are left to verify: it waits for scans and skips what they read
   */
  static async open(
    store: LeveldbStore,
    directory: string,
    verification?: TableVerification,
  ): Promise<StoreView> {
    const files = await StoreFiles.open(directory);
    return new StoreView(store, directory, { files, verification });
  }

  scan(
    bucket: Bucket,
    range: ScanRange,
    memory: BatchMemory,
  ): Generator<PackedRecords, void> | AsyncGenerator<PackedRecords, void> {
    const files = bucket === "key" ? this.#files : undefined;
    return files === undefined
      ? this.#scanStore(bucket, range)
      : this.#scanFiles(files, { bucket, range, memory });
  }

  *#scanFiles(
    files: StoreFiles,
    options: { readonly bucket: Bucket; readonly range: ScanRange; readonly memory: BatchMemory },
  ): Generator<PackedRecords, void> {
    const { bucket, range, memory } = options;
    const stored = storedRange(bucket, range);
    this.#pause();
    try {
      const runs = files.runs(stored, this.#verification?.checked);
      const records = new RecordMerge(this.#directory, runs, stored);
      const builder = new CheckedBuilder({
        file: this.#directory,
        bucket,
        memory,
        inOrder: true,
      });
      for (let record = records.next(); record !== undefined; record = records.next()) {
        builder.addStored(record);
        if (builder.full) yield builder.take();
      }
      if (!builder.empty) yield builder.take();
    } catch (error) {
      files.verify();
      throw error;
    } finally {
      this.#resume();
    }
  }

  async *#scanStore(bucket: Bucket, range: ScanRange): AsyncGenerator<PackedRecords, void> {
    const iterator = this.#store.iterator({
      ...storedRange(bucket, range),
      snapshot: this.#snapshot,
      highWaterMarkBytes: LEVELDB_READ_BYTES_MAX,
      fillCache: false,
    });
    this.#iterators.add(iterator);
    try {
      const builder = new CheckedBuilder({ file: this.#directory, bucket });
      let next = iterator.nextv(LEVELDB_READ_RECORDS_MAX);
      for (;;) {
        const entries = await next;
        if (entries.length === 0) break;
        // LevelDB reads on while these are packed.
        next = iterator.nextv(LEVELDB_READ_RECORDS_MAX);
        next.catch(() => {});
        for (const [prefixed, stored] of entries) {
          const key = prefixed.subarray(1);
          const end = stored.length - CHECKSUM_BYTES;
          if (end < 0) throw damagedRecord(this.#directory, bucket, key);
          builder.addParts(key, stored.subarray(0, end), stored.readUInt32LE(end));
          if (builder.full) yield builder.take();
        }
      }
      if (!builder.empty) yield builder.take();
    } finally {
      this.#iterators.delete(iterator);
      await iterator.close();
    }
  }

  #pause(): void {
    this.#pauses++;
    this.#verification?.pause();
  }

  #resume(): void {
    if (this.#pauses === 0) return;
    this.#pauses--;
    this.#verification?.resume();
  }

  async close(): Promise<void> {
    // Of scans that nobody has read to their end.
    while (this.#pauses > 0) this.#resume();
    for (const iterator of this.#iterators) await iterator.close();
    this.#files?.close();
    await this.#snapshot.close();
  }
}
