import { Worker } from "node:worker_threads";
import { packOps } from "../common/packed-ops.js";
import { SpareMemory } from "../common/spare-memory.js";
import { BackendError, type BackendStat, type Op } from "../port.js";
import type { Answer, Request } from "./messages.js";

interface Waiter {
  resolve(stat: BackendStat): void;
  reject(error: BackendError): void;
}

/**
 * The writing thread, seen from the store. SQLite's calls are synchronous and a commit waits for
 * the disk, so they happen there; this thread only packs the bytes.
 */
export class Committer {
  readonly #file: string;
  readonly #worker: Worker;
  readonly #spare = new SpareMemory();
  readonly #waiters = new Map<number, Waiter>();
  #nextId = 1;
  #gone: BackendError | undefined;

  constructor(file: string) {
    this.#file = file;
    // The built file from both the sources and the build: a worker can't run TypeScript.
    const script = new URL("../../dist/sqlite/worker.js", import.meta.url);
    this.#worker = new Worker(script, { workerData: { file } });
    this.#worker.on("message", (answer: Answer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(undefined));
    // Only work under way keeps the process alive.
    this.#worker.unref();
  }

  /** Resolves when the store is open in the worker. */
  ready(): Promise<BackendStat> {
    return this.#ask({ id: this.#nextId++, kind: "open" });
  }

  /** Resolves when the commit is synced, with the size of the store after it. */
  commit(ops: readonly Op[]): Promise<BackendStat> {
    const { memory, length } = packOps(ops, this.#spare);
    const packed = memory.buffer as ArrayBuffer;
    return this.#ask({ id: this.#nextId++, kind: "commit", packed, length }, [packed]);
  }

  /** One step of giving free pages back. */
  vacuum(): Promise<BackendStat> {
    return this.#ask({ id: this.#nextId++, kind: "vacuum" });
  }

  checkpoint(): Promise<BackendStat> {
    return this.#ask({ id: this.#nextId++, kind: "checkpoint" });
  }

  /** Waits for what was asked before, then ends the thread. */
  async close(): Promise<void> {
    await this.#ask({ id: this.#nextId++, kind: "close" }).catch(() => {});
    await this.#worker.terminate();
  }

  #ask(request: Request, transfer: ArrayBuffer[] = []): Promise<BackendStat> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    return new Promise((resolve, reject) => {
      this.#waiters.set(request.id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(request, transfer);
    });
  }

  #settle(answer: Answer): void {
    const waiter = this.#waiters.get(answer.id);
    this.#waiters.delete(answer.id);
    if (this.#waiters.size === 0) this.#worker.unref();
    if ("stat" in answer) {
      if (answer.packed !== undefined) this.#spare.give(Buffer.from(answer.packed));
      waiter?.resolve(answer.stat);
    } else waiter?.reject(new BackendError(answer.error.code, answer.error.message));
  }

  #end(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : "it ended";
    this.#gone ??= new BackendError("IO", `${this.#file}: the writing thread failed: ${reason}`, {
      cause,
    });
    for (const waiter of this.#waiters.values()) waiter.reject(this.#gone);
    this.#waiters.clear();
  }
}
