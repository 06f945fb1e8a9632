import { parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { type ServedStore, serveCommits } from "../common/serve-commits.js";
import { sentError } from "../common/serve-scans.js";
import { BackendError } from "../port.js";
import { CatchUp } from "./catch-up.js";
import { type Environment, openEnvironment, statOf } from "./environment.js";
import type { CommitThreadData, Result, Work } from "./messages.js";
import { writeOps } from "./write-ops.js";

/** Number of errno EIO, which LMDB also reports when a write was cut short by a full disk. */
const EIO = 5;

/**
 * The store in the thread that writes. It shares LMDB's environment with the one that reads, and a
 * transaction that is made in one synchronous call costs the event loop a third of what handing
 * over each operation to lmdb-js's own thread does.
 */
class CommittingStore implements ServedStore<Work, Result> {
  #file: string;
  #opened: Environment | undefined;
  #catchUp: CatchUp | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  commit(packed: Buffer): Result {
    try {
      writeOps(this.#environment(), packed, this.#catchUp?.changed);
    } catch (error) {
      throw this.#explained(error);
    }
    return this.#result();
  }

  work(work: Work): Result {
    switch (work.kind) {
      case "track":
        this.#catchUp = new CatchUp();
        break;
      case "catchUp":
        try {
          this.#catchUp?.apply(this.#environment(), work.copy);
        } catch (error) {
          return { ...this.#result(), error: sentError(error, work.copy) };
        }
        break;
      case "untrack":
        this.#catchUp?.close();
        this.#catchUp = undefined;
        break;
      case "move":
        void this.#opened?.root.close();
        this.#opened = undefined;
        this.#file = work.file;
        break;
    }
    return this.#result();
  }

  close(): void {
    this.#catchUp?.close();
    void this.#opened?.root.close();
  }

  #environment(): Environment {
    this.#opened ??= openEnvironment(this.#file);
    return this.#opened;
  }

  #result(): Result {
    return { stat: statOf(this.#environment()) };
  }

  #explained(error: unknown): unknown {
    if ((error as { readonly code?: unknown }).code !== EIO) return error;
    // By now the space may be there again, so that nobody finds the disk full.
    const text = "a write failed or was cut short: the disk was full or the medium is failing";
    return new BackendError("IO", `${this.#file}: ${text}`, { cause: error });
  }
}

const port = parentPort;
assert(port !== null, "this script runs in a worker thread");
const { file } = workerData as CommitThreadData;
serveCommits(port, file, new CommittingStore(file));
