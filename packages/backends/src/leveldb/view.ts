import { toBackendError } from "../common/backend-errors.js";
import type { Health } from "../common/health.js";
import { unseal } from "../common/record-checksum.js";
import { SCAN_BATCH_BYTES_MAX, SCAN_BATCH_RECORDS_MAX } from "../limits.js";
import { BackendError, type Bucket, type ScanBatch, type ScanRange, type View } from "../port.js";
import type { LeveldbStore } from "./backend.js";
import { storedRange } from "./key-codec.js";

export interface LeveldbViewOptions {
  readonly store: LeveldbStore;
  readonly directory: string;
  readonly health: Health;
  readonly onClose: () => void;
}

/** A LevelDB snapshot; LevelDB keeps what it shows until it is closed. */
export class LeveldbView implements View {
  readonly #options: LeveldbViewOptions;
  readonly #snapshot: ReturnType<LeveldbStore["snapshot"]>;
  readonly #iterators = new Set<{ close(): Promise<void> }>();
  #open = true;

  constructor(options: LeveldbViewOptions) {
    this.#options = options;
    try {
      this.#snapshot = options.store.snapshot();
    } catch (error) {
      throw toBackendError(error, options.directory);
    }
  }

  async *scan(bucket: Bucket, range: ScanRange = {}): AsyncGenerator<ScanBatch> {
    this.#check();
    const iterator = this.#options.store.iterator({
      ...storedRange(bucket, range),
      snapshot: this.#snapshot,
      highWaterMarkBytes: SCAN_BATCH_BYTES_MAX,
      fillCache: false,
    });
    this.#iterators.add(iterator);
    try {
      for (;;) {
        const entries = await this.#next(iterator);
        if (entries.length === 0) return;
        const keys: Uint8Array[] = [];
        const values: Uint8Array[] = [];
        for (const [prefixed, stored] of entries) {
          const key = prefixed.subarray(1);
          keys.push(key);
          values.push(unseal({ bucket, key, stored, file: this.#options.directory }));
        }
        yield { keys, values };
      }
    } finally {
      this.#iterators.delete(iterator);
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    this.#options.onClose();
    for (const iterator of this.#iterators) await iterator.close();
    await this.#snapshot.close();
  }

  async #next(iterator: {
    nextv(size: number): Promise<[Buffer, Buffer][]>;
  }): Promise<[Buffer, Buffer][]> {
    this.#check();
    try {
      return await iterator.nextv(SCAN_BATCH_RECORDS_MAX);
    } catch (error) {
      this.#check();
      throw toBackendError(error, this.#options.directory);
    }
  }

  #check(): void {
    if (!this.#open) throw new BackendError("CLOSED", "the view is closed");
    this.#options.health.check();
  }
}
