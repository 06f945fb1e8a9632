import { toBackendError } from "../common/backend-errors.js";
import { checkOps } from "../common/check-ops.js";
import { Defragmentation } from "../common/defragmentation.js";
import { Health } from "../common/health.js";
import { unseal } from "../common/record-checksum.js";
import { ThreadView } from "../common/thread-view.js";
import { Verification } from "../common/verification.js";
import {
  type Backend,
  BackendError,
  type BackendStat,
  type Bucket,
  type Capabilities,
  type DefragmentProgress,
  type Op,
  type View,
} from "../port.js";
import { defragment } from "./defragment.js";
import { DirectorySize } from "./directory-size.js";
import { KeyScratch } from "./key-codec.js";
import type { LeveldbStore } from "./open-store.js";
import { StoreThread } from "./store-thread.js";
import type { OpenTable } from "./table-format.js";
import { closeTables, verifyTables } from "./verify-tables.js";

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
  /** Not verified wholly; open until they are. */
  #tables: readonly OpenTable[];
  readonly #verification: Verification;
  #startedThread: StoreThread | undefined;
  #lastCommit: Promise<void> = Promise.resolve();
  readonly #defragmentation: Defragmentation;

  private constructor(
    directory: string,
    store: LeveldbStore,
    { size, tables }: { readonly size: DirectorySize; readonly tables: readonly OpenTable[] },
  ) {
    this.#directory = directory;
    this.#store = store;
    this.#size = size;
    this.#tables = tables;
    this.#health = new Health(directory);
    this.#defragmentation = new Defragmentation(directory);
    this.#verification = new Verification({
      left: tables.length === 0 ? [] : ["key"],
      check: () => {
        for (const _ of verifyTables(tables, ["large"]));
      },
      onDamage: (error) => this.#health.fail(error),
    });
    if (tables.length > 0) this.#thread();
  }

  /** @param tables whose large part is to be verified; they become the store's, which closes them */
  static async create(
    directory: string,
    store: LeveldbStore,
    tables: readonly OpenTable[],
  ): Promise<LeveldbBackend> {
    const size = new DirectorySize(directory);
    await size.measure();
    return new LeveldbBackend(directory, store, { size, tables });
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    this.#health.check();
    if (!this.#verification.done) this.#verification.ensure(bucket);
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
      verification: this.#verification,
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
    await this.#defragmentation.run(() => this.#defragment(onProgress));
  }

  async close(): Promise<void> {
    await this.#defragmentation.end();
    await this.#lastCommit;
    if (this.#health.closed) return;
    this.#health.close();
    for (const view of this.#views) await view.close();
    await this.#startedThread?.close();
    this.#verification.fail(new BackendError("CLOSED", `${this.#directory}: the store is closed`));
    this.#closeTables();
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

  async #defragment(onProgress: (progress: DefragmentProgress) => void): Promise<void> {
    const { bytes: totalBytes } = this.#size;
    try {
      await defragment(
        { store: this.#store, totalBytes, steps: this.#defragmentation },
        onProgress,
      );
      await this.#size.settled();
      await this.#size.measure();
    } catch (error) {
      throw toBackendError(error, this.#directory);
    }
  }

  #closeTables(): void {
    closeTables(this.#tables);
    this.#tables = [];
  }

  /** Started with the first use. */
  #thread(): StoreThread {
    this.#startedThread ??= new StoreThread({
      directory: this.#directory,
      tables: this.#tables,
      onVerify: (message) => {
        // Only now, because the thread reads from them, too.
        this.#closeTables();
        this.#verification.receive(message);
      },
      onGone: (error) => this.#verification.fail(error),
    });
    return this.#startedThread;
  }
}
