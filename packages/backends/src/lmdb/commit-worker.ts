import { parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { serveCommits } from "../common/serve-commits.js";
import { BackendError, type BackendStat } from "../port.js";
import { type Environment, openEnvironment, statOf } from "./environment.js";
import { writeOps } from "./write-ops.js";

/** What the thread is asked for besides commits: to go on with another data file. */
export interface MoveTo {
  readonly file: string;
}

/** Number of errno EIO, which LMDB also reports when a write was cut short by a full disk. */
const EIO = 5;

/**
 * The thread that writes. It shares LMDB's environment with the store, and a transaction that is
 * made in one synchronous call costs half of what handing over each operation to lmdb-js's own
 * thread does.
 */
const port = parentPort;
assert(port !== null, "this script runs in a worker thread");
let { file } = workerData as MoveTo;
let environment: Environment | undefined;

serveCommits<MoveTo, BackendStat>(port, file, {
  commit(packed) {
    environment ??= openEnvironment(file);
    try {
      writeOps(environment, packed);
    } catch (error) {
      throw explained(error);
    }
    return statOf(environment);
  },
  work(next) {
    void environment?.root.close();
    file = next.file;
    environment = openEnvironment(file);
    return statOf(environment);
  },
  close() {
    void environment?.root.close();
  },
});

function explained(error: unknown): unknown {
  if ((error as { readonly code?: unknown }).code !== EIO) return error;
  // By now the space may be there again, so the store that looks for it may find some.
  const text = "a write failed or was cut short: the disk was full or the medium is failing";
  return new BackendError("IO", `${file}: ${text}`, { cause: error });
}
