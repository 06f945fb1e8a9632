import { parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { sentError, serveScans } from "../common/serve-scans.js";
import { FileView } from "./file-view.js";
import type { ScanThreadData, VerifyMessage } from "./messages.js";
import { verifyTables } from "./verify.js";

/** The thread that reads the file beside LMDB: scans, and the check after opening. */
const port = parentPort;
assert(port !== null, "this script runs in a worker thread");
const { file, structure } = workerData as ScanThreadData;

serveScans(port, file, (parameters) => new FileView(parameters as string));

if (structure !== undefined) {
  const send = (message: VerifyMessage): void => port.postMessage(message);
  const steps = verifyTables(file, structure);
  // In small steps: scans that are asked for meanwhile go on.
  const step = (): void => {
    try {
      const next = steps.next();
      if (next.done) {
        send({ kind: "verified" });
        return;
      }
      if (next.value !== undefined) send({ kind: "verified", table: next.value });
      setImmediate(step);
    } catch (error) {
      send({ kind: "damaged", error: sentError(error, file) });
    }
  };
  step();
}
