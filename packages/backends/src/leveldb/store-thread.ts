import { packOps } from "../common/packed-ops.js";
import { ScanThread } from "../common/scan-thread.js";
import type { VerifyMessage } from "../common/serve-verification.js";
import { SpareMemory } from "../common/spare-memory.js";
import { BackendError, type Op } from "../port.js";
import type { StoreThreadData, ThreadAnswer, ThreadRequest } from "./messages.js";
import type { OpenTable } from "./table-format.js";

interface Waiter {
  resolve(): void;
  reject(error: BackendError): void;
}

/**
 * The second thread of a store, which shares the LevelDB of this one. It fills batches and reads
 * for scans, because both cost some microseconds a record in calls between JavaScript and LevelDB;
 * this thread only packs what is committed.
 */
export class StoreThread {
  readonly scans: ScanThread;
  readonly #spare = new SpareMemory();
  readonly #waiters = new Map<number, Waiter>();
  #nextId = 1;

  constructor(options: {
    readonly directory: string;
    /** To be verified; open until the thread has told of it or is closed. */
    readonly tables: readonly OpenTable[];
    readonly onVerify: (message: VerifyMessage) => void;
    readonly onGone: (error: BackendError) => void;
  }) {
    const { directory, tables } = options;
    const workerData: StoreThreadData = { directory, tables };
    this.scans = new ScanThread({
      // The built file from both the sources and the build: a worker can't run TypeScript.
      script: new URL("../../dist/leveldb/worker.js", import.meta.url),
      workerData,
      reusesMemory: true,
      file: directory,
      onOther: (other) => {
        const message = other as ThreadAnswer | VerifyMessage;
        if (message.kind === "done") this.#settle(message);
        else options.onVerify(message);
      },
      onGone: (error) => {
        this.#fail(error);
        options.onGone(error);
      },
    });
  }

  /** Resolves when the commit is synced. The operations are copied at once. */
  commit(ops: readonly Op[]): Promise<void> {
    const { memory, length } = packOps(ops, this.#spare);
    const packed = memory.buffer as ArrayBuffer;
    return this.#ask({ kind: "commit", id: this.#nextId++, packed, length }, [packed]);
  }

  /** Waits for what was asked before, then ends the thread. */
  async close(): Promise<void> {
    await this.#ask({ kind: "closeStore", id: this.#nextId++ }).catch(() => {});
    await this.scans.close();
  }

  #ask(request: ThreadRequest, transfer?: ArrayBuffer[]): Promise<void> {
    const answered = new Promise<void>((resolve, reject) => {
      this.scans.post(request, transfer);
      this.#waiters.set(request.id, { resolve, reject });
    });
    return this.scans.held(answered);
  }

  #settle({ id, packed, error }: ThreadAnswer): void {
    const waiter = this.#waiters.get(id);
    this.#waiters.delete(id);
    if (packed !== undefined) this.#spare.give(Buffer.from(packed));
    if (error === undefined) waiter?.resolve();
    else waiter?.reject(new BackendError(error.code, error.message));
  }

  #fail(error: BackendError): void {
    for (const waiter of this.#waiters.values()) waiter.reject(error);
    this.#waiters.clear();
  }
}
