import { writeSync } from "node:fs";
import { dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { type ServedStore, serveCommits } from "../common/serve-commits.js";
import { sentError } from "../common/serve-scans.js";
import { BackendError } from "../port.js";
import { copyFile } from "./data-file.js";
import { type Environment, openEnvironment, statOf } from "./environment.js";
import type { CommitThreadData, Result, Work } from "./messages.js";
import { StoreCopy } from "./store-copy.js";
import { writeOps } from "./write-ops.js";

/** Number of errno EIO, which LMDB also reports when a write was cut short by a full disk. */
const EIO = 5;

/** Number of the file descriptor. */
const STANDARD_ERROR = 2;

/**
 * The store in the thread that writes. It shares LMDB's environment with the one that reads, and a
 * transaction that is made in one synchronous call costs the event loop a third of what handing
 * over each operation to lmdb-js's own thread does.
 */
class CommittingStore implements ServedStore<Work, Result> {
  #file: string;
  #opened: Environment | undefined;
  #copy: StoreCopy | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  commit(packed: Buffer): Result {
    try {
      writeOps(this.#environment(), packed, this.#copy);
    } catch (error) {
      endPrintedLine(error);
      throw this.#explained(error);
    }
    return this.#result();
  }

  work(work: Work): Result {
    if (work.kind === "move") {
      void this.#opened?.root.close();
      this.#opened = undefined;
      this.#file = work.file;
      return this.#result();
    }
    try {
      const copied = this.#copyWork(work);
      return { ...this.#result(), ...(copied && { copied }) };
    } catch (error) {
      endPrintedLine(error);
      return { ...this.#result(), error: sentError(error, this.#copyFile()) };
    }
  }

  close(): void {
    this.#copy?.close();
    void this.#opened?.root.close();
  }

  #copyWork(work: Exclude<Work, { kind: "move" }>): Result["copied"] {
    switch (work.kind) {
      case "beginCopy":
        this.#copy = new StoreCopy(this.#environment(), this.#copyFile());
        return;
      case "copyStep": {
        const isComplete = this.#copy!.step();
        return { bytes: this.#copy!.copiedBytes, isComplete };
      }
      case "finishCopy":
        this.#copy!.finish();
        return;
      case "endCopy":
        this.#copy?.close();
        this.#copy = undefined;
    }
  }

  #copyFile(): string {
    return copyFile(dirname(this.#file));
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

/**
 * LMDB itself prints a refused write to standard error, and leaves the line open: the line of the
 * log that says why the process ends would not begin at a line's start, and programs that read the
 * log would miss it.
 */
function endPrintedLine(error: unknown): void {
  if (!String(error).includes("Attempting to write page")) return;
  try {
    writeSync(STANDARD_ERROR, "\n");
  } catch {
    // Nobody reads it, or a pipe is full: the failed write is what counts.
  }
}

const port = parentPort;
assert(port !== null, "this script runs in a worker thread");
const { file } = workerData as CommitThreadData;
serveCommits(port, file, new CommittingStore(file));
