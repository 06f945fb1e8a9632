import { parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { serveScans } from "../common/serve-scans.js";
import { type Connection, openConnection } from "./connection.js";
import { FileView } from "./file-view.js";
import type { ViewParameters } from "./messages.js";

/** The thread that scans: each view has a connection of its own there. */
assert(parentPort !== null, "this script runs in a worker thread");
const file: string = workerData.file;
let asker: Connection | undefined;
serveScans(parentPort, file, (parameters) => {
  const { descriptor } = parameters as ViewParameters;
  asker ??= openConnection(file);
  return new FileView({ file, descriptor, asker });
});
