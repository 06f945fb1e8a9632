import { toBackendError } from "../common/backend-errors.js";
import { checkOps } from "../common/check-ops.js";
import { Health } from "../common/health.js";
import { unseal } from "../common/record-checksum.js";
import { ThreadView } from "../common/thread-view.js";
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
import type { LeveldbStore } from "./open-store.js";
import { StoreThread } from "./store-thread.js";

export const CAPABILITIES: Capabilities = {
  persistent: true,
  onlineDefragment: true,
  compression: true,
  zeroCopyReads: false,
};

/**
 * A store in LevelDB: one space of keys, a bucket is a prefix byte, a commit is one synced batch.
 * Reads happen here, commits and scans in a second thread on the same LevelDB.
 */
export class LeveldbBackend implements Backend {
  readonly capabilities = CAPABILITIES;
  readonly #directory: string;
  readonly #store: LeveldbStore;
  readonly #size: DirectorySize;
  readonly #health: Health;
  readonly #scratch = new KeyScratch();
  readonly #views = new Set<ThreadView>();
  #startedThread: StoreThread | undefined;
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
    const commit = this.#commit(ops);
    this.#lastCommit = commit.catch(() => {});
    return commit;
  }

  async view(): Promise<View> {
    this.#health.check();
    const thread = this.#thread().scans;
    const view = new ThreadView({
      thread,
      number: await thread.openView(undefined),
      health: this.#health,
      onClose: (closed) => this.#views.delete(closed),
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
    await this.#startedThread?.close();
    await this.#size.settled();
    await this.#store.close();
  }

  async #commit(ops: readonly Op[]): Promise<void> {
    this.#health.check();
    if (ops.length === 0) return;
    try {
      await this.#thread().commit(ops);
    } catch (error) {
      throw this.#health.fail(toBackendError(error, this.#directory));
    }
    let bytes = 0;
    for (let i = 0; i < ops.length; i++) {
      const { key, value } = ops[i]!;
      bytes += 1 + key.length + (value?.length ?? 0);
    }
    this.#size.grow(bytes);
  }

  /** Started with the first use. */
  #thread(): StoreThread {
    this.#startedThread ??= new StoreThread(this.#directory);
    return this.#startedThread;
  }
}
