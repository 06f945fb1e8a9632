import { parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { serveScans } from "../common/serve-scans.js";
import { FileView } from "./file-view.js";

/** The thread that scans: each view has a connection of its own there. */
assert(parentPort !== null, "this script runs in a worker thread");
const file: string = workerData.file;
serveScans(parentPort, file, () => new FileView(file));
