import { BUCKET_IDS } from "../common/bucket-id.js";
import { PackedBuilder } from "../common/packed-batch.js";
import { CHECKSUM_BYTES, damagedRecord, RunChecksum } from "../common/record-checksum.js";
import type { ServedView } from "../common/serve-scans.js";
import { LEVELDB_READ_BYTES_MAX, LEVELDB_READ_RECORDS_MAX } from "../limits.js";
import type { Bucket, PackedRecords, ScanRange } from "../port.js";
import { storedRange } from "./key-codec.js";
import type { LeveldbStore } from "./open-store.js";

/** A LevelDB snapshot in the scanning thread; LevelDB keeps what it shows until it is closed. */
export class StoreView implements ServedView {
  readonly #store: LeveldbStore;
  readonly #directory: string;
  readonly #snapshot: ReturnType<LeveldbStore["snapshot"]>;
  readonly #iterators = new Set<{ close(): Promise<void> }>();

  constructor(store: LeveldbStore, directory: string) {
    this.#store = store;
    this.#directory = directory;
    this.#snapshot = store.snapshot();
  }

  async *scan(bucket: Bucket, range: ScanRange): AsyncGenerator<PackedRecords, void> {
    const iterator = this.#store.iterator({
      ...storedRange(bucket, range),
      snapshot: this.#snapshot,
      highWaterMarkBytes: LEVELDB_READ_BYTES_MAX,
      fillCache: false,
    });
    this.#iterators.add(iterator);
    try {
      const checksum = new RunChecksum(BUCKET_IDS[bucket]);
      const builder = new PackedBuilder();
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
          const value = stored.subarray(0, Math.max(0, end));
          if (end < 0 || checksum.ofParts(key, value) !== stored.readUInt32LE(end)) {
            throw damagedRecord(this.#directory, bucket, key);
          }
          builder.addParts(key, value);
          if (builder.full) yield builder.take();
        }
      }
      if (!builder.empty) yield builder.take();
    } finally {
      this.#iterators.delete(iterator);
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    for (const iterator of this.#iterators) await iterator.close();
    await this.#snapshot.close();
  }
}
