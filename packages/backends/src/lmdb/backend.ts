import { toBackendError } from "../common/backend-errors.js";
import { checkOps } from "../common/check-ops.js";
import { CommitThread } from "../common/commit-thread.js";
import { Defragmentation } from "../common/defragmentation.js";
import { Health } from "../common/health.js";
import { unsealCopy } from "../common/record-checksum.js";
import { ScanThread } from "../common/scan-thread.js";
import type { VerifyMessage } from "../common/serve-verification.js";
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
import { removeDataInSteps } from "./data-file.js";
import { type DefragmentHost, defragment } from "./defragment.js";
import { type Environment, statOf } from "./environment.js";
import { isLongKey, splitLong, storedKey } from "./key-codec.js";
import type { Commits, CommitThreadData, Result } from "./messages.js";
import { type Structure, verifyTables } from "./verify.js";
import { LmdbView } from "./view.js";
import type { ScanThreadData } from "./worker.js";
import { explainWrite } from "./write-error.js";

export const CAPABILITIES: Capabilities = {
  persistent: true,
  onlineDefragment: true,
  compression: false,
  zeroCopyReads: false,
};

/**
 * A store in LMDB: commits in one worker, scans in another, reads here. All threads of the process
 * share LMDB's map of the file.
 */
export class LmdbBackend implements Backend {
  readonly capabilities = CAPABILITIES;
  readonly #directory: string;
  readonly #health: Health;
  readonly #views = new Set<LmdbView>();
  readonly #threadData: ScanThreadData;
  #startedThread: ScanThread | undefined;
  #startedCommits: Commits | undefined;
  readonly #verification: Verification;
  #environment: Environment;
  #stat: BackendStat | undefined;
  #lastHandOver: Promise<unknown> = Promise.resolve();
  #lastCommit: Promise<void> = Promise.resolve();
  /** While set, commits wait for it: the last moments of a defragmentation. */
  #pause: Promise<void> | undefined;
  readonly #defragmentation: Defragmentation;
  #closing = false;
  /** Until the files that were replaced are gone. */
  #retired: Promise<unknown> = Promise.resolve();

  /** @param structure the trees of the file that are to be checked; none in a new store */
  constructor(directory: string, environment: Environment, structure: Structure | undefined) {
    const { file } = environment;
    this.#directory = directory;
    this.#environment = environment;
    this.#health = new Health(directory);
    this.#defragmentation = new Defragmentation(directory);
    this.#verification = new Verification({
      left: structure?.tables.map(({ name }) => name) ?? [],
      check: (bucket) => {
        const tables = structure!.tables.filter(({ name }) => name === bucket);
        for (const _ of verifyTables(file, { meta: structure!.meta, tables }));
      },
      onDamage: (error) => this.#health.fail(error),
    });
    this.#threadData = { file, structure };
    if (structure !== undefined) this.#thread();
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    this.#health.check();
    if (!this.#verification.done) this.#verification.ensure(bucket);
    const { tables, file } = this.#environment;
    let stored: Uint8Array | undefined;
    try {
      // The bytes are lmdb-js's own and are overwritten by the next read, hence the copy below.
      stored = tables[bucket].getBinaryFast(storedKey(key));
    } catch (error) {
      throw toBackendError(error, file);
    }
    if (stored === undefined) return undefined;
    const value = unsealCopy({ bucket, key, stored, file });
    return isLongKey(key) ? splitLong(value)?.value : value;
  }

  commit(ops: readonly Op[]): Promise<void> {
    checkOps(ops);
    const commit = this.#pause === undefined ? this.#commit(ops) : this.#commitAfterPause(ops);
    this.#lastCommit = commit.catch(() => {});
    return commit;
  }

  async view(): Promise<View> {
    this.#health.check();
    const view = new LmdbView({
      environment: this.#environment,
      health: this.#health,
      thread: this.#thread(),
      verification: this.#verification,
      onClose: (closed) => this.#views.delete(closed),
    });
    this.#views.add(view);
    await view.freeze();
    return view;
  }

  stat(): BackendStat {
    this.#health.check();
    this.#stat ??= statOf(this.#environment);
    return this.#stat;
  }

  async defragment(onProgress: (progress: DefragmentProgress) => void): Promise<void> {
    this.#health.check();
    await this.#defragmentation.run(() => this.#defragment(onProgress));
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#defragmentation.end();
    await this.#lastCommit;
    if (this.#health.closed) return;
    this.#health.close();
    for (const view of this.#views) await view.close();
    await this.#retired;
    await this.#startedCommits?.close();
    await this.#startedThread?.close();
    this.#verification.fail(new BackendError("CLOSED", `${this.#directory}: the store is closed`));
    await this.#environment.root.close();
  }

  async #commitAfterPause(ops: readonly Op[]): Promise<void> {
    await this.#pause;
    await this.#commit(ops);
  }

  async #commit(ops: readonly Op[]): Promise<void> {
    this.#health.check();
    try {
      const { written } = await this.#handOver(ops);
      const { stat } = await written;
      this.#stat = stat;
    } catch (error) {
      const { file } = this.#environment;
      const bytes = ops.reduce((sum, op) => sum + op.key.length + (op.value?.length ?? 0), 0);
      const reason = await explainWrite(error, { file, directory: this.#directory, bytes });
      throw this.#health.fail(reason);
    }
    this.#environment.root.resetReadTxn();
  }

  /** Gives the commit to the thread, after those that were called before. */
  #handOver(ops: readonly Op[]): Promise<{ readonly written: Promise<Result> }> {
    const handOver = this.#lastHandOver.then(async () => {
      this.#health.check();
      // A commit changes pages, so all of them must be known to be whole.
      if (!this.#verification.done) await this.#thread().held(this.#verification.verified());
      const written = this.#commits().commit(ops);
      // Whoever waits for it does so a few turns later.
      written.catch(() => {});
      return { written };
    });
    this.#lastHandOver = handOver.catch(() => {});
    return handOver;
  }

  /** Started with the first commit. */
  #commits(): Commits {
    const { file } = this.#environment;
    const workerData: CommitThreadData = { file };
    this.#startedCommits ??= new CommitThread({
      // The built file from both the sources and the build: a worker can't run TypeScript.
      script: new URL("../../dist/lmdb/commit-worker.js", import.meta.url),
      workerData,
      file,
    });
    return this.#startedCommits;
  }

  /** Started with the first use: a store that is only written needs none. */
  #thread(): ScanThread {
    this.#startedThread ??= new ScanThread({
      // The built file from both the sources and the build: a worker can't run TypeScript.
      script: new URL("../../dist/lmdb/worker.js", import.meta.url),
      workerData: this.#threadData,
      reusesMemory: true,
      file: this.#directory,
      onOther: (message) => this.#verification.receive(message as VerifyMessage),
      onGone: (error) => this.#verification.fail(error),
    });
    return this.#startedThread;
  }

  async #defragment(onProgress: (progress: DefragmentProgress) => void): Promise<void> {
    if (!this.#verification.done) await this.#thread().held(this.#verification.verified());
    let resume = (): void => {};
    const host: DefragmentHost = {
      directory: this.#directory,
      environment: this.#environment,
      commits: this.#commits(),
      check: () => {
        this.#health.check();
        this.#defragmentation.check();
      },
      fail: (error) => this.#health.fail(error),
      pause: async () => {
        this.#pause = new Promise((resolve) => {
          resume = resolve;
        });
        await this.#lastCommit;
        this.#health.check();
      },
    };
    try {
      const next = await defragment(host, onProgress);
      const old = this.#environment;
      this.#environment = next;
      const { stat } = await host.commits.ask({ kind: "move", file: next.file });
      this.#stat = stat;
      this.#retired = Promise.allSettled([this.#retired, this.#retire(old)]);
    } catch (error) {
      throw toBackendError(error, this.#environment.file);
    } finally {
      this.#pause = undefined;
      resume();
    }
  }

  /** Closes and removes the file that was replaced, once no view needs it. */
  async #retire(old: Environment): Promise<void> {
    const views = [...this.#views].filter((view) => view.environment === old);
    await Promise.all(views.map((view) => view.closed));
    await old.root.close();
    // What could not be removed goes when the store is opened again.
    await removeDataInSteps(old.file, () => this.#closing).catch(() => {});
  }
}
