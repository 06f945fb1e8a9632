import { parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { serveScans } from "../common/serve-scans.js";
import { serveVerification } from "../common/serve-verification.js";
import { FileView } from "./file-view.js";
import { type Structure, verifyTables } from "./verify.js";

/** What the thread is started with. */
export interface ScanThreadData {
  readonly file: string;
  /** What to verify, if anything. */
  readonly structure: Structure | undefined;
}

/** The thread that reads the file beside LMDB: scans, and the check after opening. */
const port = parentPort;
assert(port !== null, "this script runs in a worker thread");
const { file, structure } = workerData as ScanThreadData;
serveScans(port, file, (parameters) => new FileView(parameters as string));
if (structure !== undefined) serveVerification(port, file, verifyTables(file, structure));
