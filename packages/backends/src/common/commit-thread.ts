import { Worker } from "node:worker_threads";
import { BackendError, type Op } from "../port.js";
import type { CommitAnswer, CommitRequest } from "./commit-messages.js";
import { packOps } from "./packed-ops.js";
import { SpareMemory } from "./spare-memory.js";

export interface CommitThreadOptions {
  /** The built script; it calls `serveCommits`. */
  readonly script: URL;
  readonly workerData: unknown;
  /** What to name in errors. */
  readonly file: string;
}

interface Waiter<Result> {
  /** Not called for a request to close. */
  resolve(result: Result): void;
  /** Undefined when the thread has closed the store. */
  end(error: BackendError | undefined): void;
}

/**
 * The thread that commits, seen from the store, for engines whose calls are synchronous: a commit
 * waits for the disk there, and checksums and calls into the engine cost this thread nothing. It
 * only packs the bytes.
 */
export class CommitThread<Work, Result> {
  readonly #file: string;
  readonly #worker: Worker;
  readonly #spare = new SpareMemory();
  readonly #waiters = new Map<number, Waiter<Result>>();
  #nextId = 1;
  #gone: BackendError | undefined;

  constructor({ script, workerData, file }: CommitThreadOptions) {
    this.#file = file;
    this.#worker = new Worker(script, { workerData });
    this.#worker.on("message", (answer: CommitAnswer<Result>) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(undefined));
    // Only work under way keeps the process alive.
    this.#worker.unref();
  }

  /** Resolves when the commit is synced. The operations are copied at once. */
  commit(ops: readonly Op[]): Promise<Result> {
    const { memory, length } = packOps(ops, this.#spare);
    const packed = memory.buffer as ArrayBuffer;
    return this.#ask({ id: this.#nextId++, kind: "commit", packed, length }, [packed]);
  }

  /** Asks for something of the engine's own. */
  ask(work: Work): Promise<Result> {
    return this.#ask({ id: this.#nextId++, kind: "work", work });
  }

  /** Waits for what was asked before, then ends the thread. */
  async close(): Promise<void> {
    const id = this.#nextId++;
    await new Promise<void>((settle) =>
      this.#post(
        { id, kind: "close" },
        {
          resolve: () => settle(),
          end: () => settle(),
        },
      ),
    );
    await this.#worker.terminate();
  }

  #ask(request: CommitRequest<Work>, transfer: ArrayBuffer[] = []): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#post(request, { resolve, end: reject }, transfer);
    });
  }

  #post(request: CommitRequest<Work>, waiter: Waiter<Result>, transfer: ArrayBuffer[] = []): void {
    if (this.#gone !== undefined) {
      waiter.end(this.#gone);
      return;
    }
    this.#waiters.set(request.id, waiter);
    this.#worker.ref();
    this.#worker.postMessage(request, transfer);
  }

  #settle(answer: CommitAnswer<Result>): void {
    const waiter = this.#waiters.get(answer.id);
    this.#waiters.delete(answer.id);
    if (this.#waiters.size === 0) this.#worker.unref();
    if ("result" in answer) {
      if (answer.packed !== undefined) this.#spare.give(Buffer.from(answer.packed));
      waiter?.resolve(answer.result);
    } else if ("error" in answer) {
      waiter?.end(new BackendError(answer.error.code, answer.error.message));
    } else waiter?.end(undefined);
  }

  #end(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : "it ended";
    this.#gone ??= new BackendError("IO", `${this.#file}: the writing thread failed: ${reason}`, {
      cause,
    });
    for (const waiter of this.#waiters.values()) waiter.end(this.#gone);
    this.#waiters.clear();
  }
}
