import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { assert } from "@kvorum/base";
import { unpackOps } from "../common/packed-ops.js";
import type { SentError } from "../common/scan-messages.js";
import { sentError, serveScans } from "../common/serve-scans.js";
import { serveVerification } from "../common/serve-verification.js";
import type { Bucket } from "../port.js";
import { CheckedBlocks } from "./checked-blocks.js";
import { prefixInto } from "./key-codec.js";
import type { StoreThreadData, ThreadAnswer, ThreadRequest } from "./messages.js";
import { openStore } from "./open-store.js";
import { StoreView, type TableVerification } from "./store-view.js";
import { verifyTables } from "./verify-tables.js";

/** The thread that fills batches and scans, on the LevelDB that the store has opened. */
const port = parentPort;
assert(port !== null, "this script runs in a worker thread");
const { directory, tables } = workerData as StoreThreadData;
const store = await openStore(directory);
/**
 * Set by the first failure; everything after it is refused, because it was asked without knowing.
 */
let failure: SentError | undefined;
/**
 * One at a time: LevelDB keeps no order between two asynchronous writes, and a view is made while
 * none is under way.
 */
let last: Promise<unknown> = Promise.resolve();

/** Undefined when all tables are verified. */
let verification = tables.length === 0 ? undefined : startVerification(port);

serveScans(port, directory, () => {
  const view = last.then(() => StoreView.open(store, directory, verification));
  last = view.catch(() => {});
  return view;
});

port.on("message", (request: ThreadRequest) => {
  if (request.kind !== "commit" && request.kind !== "closeStore") return;
  last = last.then(() => answer(request));
});

function startVerification(to: MessagePort): TableVerification {
  const checked = new CheckedBlocks();
  return { checked, ...serveVerification(to, directory, verifySteps(checked)) };
}

function* verifySteps(checked: CheckedBlocks): Generator<string | undefined, void> {
  for (const _ of verifyTables(tables, ["large"], checked)) yield undefined;
  verification = undefined;
  yield "key" satisfies Bucket;
}

async function answer(request: ThreadRequest): Promise<void> {
  const packed = request.kind === "commit" ? request.packed : undefined;
  try {
    if (request.kind === "closeStore") await store.close();
    else if (failure === undefined) await write(Buffer.from(request.packed, 0, request.length));
  } catch (error) {
    failure ??= sentError(error, directory);
  }
  const message: ThreadAnswer = { kind: "done", id: request.id, packed, error: failure };
  port!.postMessage(message, packed === undefined ? [] : [packed]);
}

async function write(packed: Buffer): Promise<void> {
  const batch = store.batch();
  unpackOps(packed, {
    // A batch copies at once, so the key may stand in memory that is used again.
    put: (bucketId, key, sealed) => void batch.put(prefixInto(bucketId, key), sealed),
    delete: (bucketId, key) => void batch.del(prefixInto(bucketId, key)),
  });
  await batch.write({ sync: true });
}
