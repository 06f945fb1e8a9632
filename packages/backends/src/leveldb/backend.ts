import type { ClassicLevel } from "classic-level";
import { toBackendError } from "../common/backend-errors.js";
import { checkOps } from "../common/check-ops.js";
import { Health } from "../common/health.js";
import { CHECKSUM_BYTES, unseal, writeSealed } from "../common/record-checksum.js";
import { yieldToEvents } from "../common/scan-batch.js";
import type {
  Backend,
  BackendStat,
  Bucket,
  Capabilities,
  DefragmentProgress,
  Op,
  View,
} from "../port.js";
import { defragment } from "./defragment.js";
import { DirectorySize } from "./directory-size.js";
import { KeyScratch } from "./key-codec.js";
import { LeveldbView } from "./view.js";

export type LeveldbStore = ClassicLevel<Buffer, Buffer>;

export const CAPABILITIES: Capabilities = {
  persistent: true,
  onlineDefragment: true,
  compression: true,
  zeroCopyReads: false,
};

/** Operations that are handed to native code before the event loop gets its turn: about 4 ms. */
const OPS_PER_TURN = 8_192;

/**
 * A store in LevelDB: one space of keys, a bucket is a prefix byte, a commit is one synced batch.
 */
export class LeveldbBackend implements Backend {
  readonly capabilities = CAPABILITIES;
  readonly #directory: string;
  readonly #store: LeveldbStore;
  readonly #size: DirectorySize;
  readonly #health: Health;
  readonly #scratch = new KeyScratch();
  readonly #views = new Set<LeveldbView>();
  /** The value with its checksum, on its way into a batch, which copies it at once. */
  #sealed = Buffer.allocUnsafeSlow(4_096);
  #lastCommit: Promise<void> = Promise.resolve();
  #defragmentation: Promise<void> = Promise.resolve();

  private constructor(directory: string, store: LeveldbStore, size: DirectorySize) {
    this.#directory = directory;
    this.#store = store;
    this.#size = size;
    this.#health = new Health(directory);
  }

  static async create(directory: string, store: LeveldbStore): Promise<LeveldbBackend> {
    const size = new DirectorySize(directory);
    await size.measure();
    return new LeveldbBackend(directory, store, size);
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    this.#health.check();
    let stored: Buffer | undefined;
    try {
      stored = this.#store.getSync(this.#scratch.stored(bucket, key));
    } catch (error) {
      throw toBackendError(error, this.#directory);
    }
    if (stored === undefined) return undefined;
    return unseal({ bucket, key, stored, file: this.#directory });
  }

  commit(ops: readonly Op[]): Promise<void> {
    checkOps(ops);
    // One at a time: LevelDB keeps no order between two asynchronous writes.
    const commit = this.#lastCommit.then(() => this.#commit(ops));
    this.#lastCommit = commit.catch(() => {});
    return commit;
  }

  async view(): Promise<View> {
    this.#health.check();
    const view = new LeveldbView({
      store: this.#store,
      directory: this.#directory,
      health: this.#health,
      onClose: () => this.#views.delete(view),
    });
    this.#views.add(view);
    return view;
  }

  stat(): BackendStat {
    this.#health.check();
    const sizeBytes = this.#size.bytes;
    return { sizeBytes, sizeInUseBytes: sizeBytes };
  }

  async defragment(onProgress: (progress: DefragmentProgress) => void): Promise<void> {
    this.#health.check();
    const run = defragment(this.#store, this.#size, onProgress).catch((error: unknown) => {
      throw toBackendError(error, this.#directory);
    });
    this.#defragmentation = run.catch(() => {});
    await run;
  }

  async close(): Promise<void> {
    await this.#defragmentation;
    await this.#lastCommit;
    if (this.#health.closed) return;
    this.#health.close();
    for (const view of this.#views) await view.close();
    await this.#size.settled();
    await this.#store.close();
  }

  async #commit(ops: readonly Op[]): Promise<void> {
    this.#health.check();
    if (ops.length === 0) return;
    try {
      const batch = this.#store.batch();
      let bytes = 0;
      for (let i = 0; i < ops.length; i++) {
        if (i % OPS_PER_TURN === OPS_PER_TURN - 1) await yieldToEvents();
        const op = ops[i]!;
        const key = this.#scratch.stored(op.bucket, op.key);
        if (op.value === undefined) batch.del(key);
        else batch.put(key, this.#seal(op.bucket, op.key, op.value));
        bytes += key.length + (op.value?.length ?? 0);
      }
      await batch.write({ sync: true });
      this.#size.grow(bytes);
    } catch (error) {
      throw this.#health.fail(toBackendError(error, this.#directory));
    }
  }

  #seal(bucket: Bucket, key: Uint8Array, value: Uint8Array): Buffer {
    const length = value.length + CHECKSUM_BYTES;
    if (length > this.#sealed.length) this.#sealed = Buffer.allocUnsafeSlow(2 * length);
    writeSealed(this.#sealed, 0, { bucket, key, value });
    return this.#sealed.subarray(0, length);
  }
}
