import { createHash } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import { type LoadResult, resultOf } from "../load/load-result.js";
import { ProtoScan } from "../load/proto-scan.js";
import { connectAll, createSource, runCount, SLICE_MS } from "../load/session.js";
import { Tally } from "../load/tally.js";
import type { Call } from "../wire/call.js";
import { GrpcStatus } from "../wire/call.js";
import type { ClientConnection } from "../wire/connection.js";
import { rangeOperation } from "./range-operation.js";
import type { Workload, WorkloadContext } from "./workload.js";

/** Stops and starts the server, and counts its keys; the rate is keys a second until it serves. */
export const RESTART: Workload = {
  name: "restart",
  title: "restart with all keys, to the first linearizable answer",
  needsFill: true,
  needsControl: true,
  run: runRestart,
};

async function runRestart({ load, server }: WorkloadContext): Promise<LoadResult> {
  if (server === undefined) throw new BenchError("CHECK", "only a server of our own is restarted");
  const tally = new Tally(SLICE_MS);
  tally.measure(0, Number.POSITIVE_INFINITY);
  const readyMs = await server.restart();
  tally.success(0, readyMs);
  await countKeys(load, tally);
  const seconds = readyMs / 1000;
  return {
    ...resultOf(tally, { seconds, untilMs: 0, unit: "keys", count: load.keyCount }),
    timeline: [],
    figures: { readyMs },
  };
}

/** Streams a snapshot and checks its checksum; the rate is bytes a second. */
export const SNAPSHOT_SAVE: Workload = {
  name: "snapshot-save",
  title: "snapshot save: the whole store as etcd's file",
  needsFill: true,
  run: runSnapshot,
};

async function runSnapshot({ load }: WorkloadContext): Promise<LoadResult> {
  const [connection] = await connectAll(load, 1);
  const tally = new Tally(SLICE_MS);
  tally.measure(0, Number.POSITIVE_INFINITY);
  const startMs = nodeClock.nowMs();
  try {
    const bytes = await receiveSnapshot(connection!);
    const tookMs = nodeClock.nowMs() - startMs;
    tally.success(0, tookMs);
    const result = resultOf(tally, {
      ...{ seconds: tookMs / 1000, untilMs: 0, unit: "bytes", count: bytes },
      figures: { snapshotBytes: bytes, tookMs },
    });
    return { ...result, timeline: [] };
  } finally {
    connection!.close();
  }
}

/** Restores a snapshot, starts a server on it and counts its keys; the rate is bytes a second. */
export const SNAPSHOT_RESTORE: Workload = {
  name: "snapshot-restore",
  title: "snapshot restore: etcd's file into a data directory",
  needsFill: true,
  needsControl: true,
  run: runRestore,
};

async function runRestore({ load, server }: WorkloadContext): Promise<LoadResult> {
  if (server === undefined) throw new BenchError("CHECK", "only a server of our own is restored");
  const directory = mkdtempSync(`${server.dataDir}-snapshot-`);
  const [connection] = await connectAll(load, 1);
  const tally = new Tally(SLICE_MS);
  tally.measure(0, Number.POSITIVE_INFINITY);
  try {
    const path = join(directory, "snapshot.db");
    const file = openSync(path, "w");
    const bytes = await receiveSnapshot(connection!, (part) => writeSync(file, part));
    closeSync(file);
    const restored = await server.restore(path);
    await countKeys({ ...load, endpoints: [restored.endpoint] }, tally);
    await restored.stop();
    tally.success(0, restored.restoreMs);
    const seconds = restored.restoreMs / 1000;
    const result = resultOf(tally, { seconds, untilMs: 0, unit: "bytes", count: bytes });
    return { ...result, timeline: [], figures: { restoreMs: restored.restoreMs } };
  } finally {
    connection!.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Every key must be there; what is not is an error of the tally. */
async function countKeys(load: LoadOptions, tally: Tally): Promise<void> {
  const { keys, prng } = createSource(load);
  const count = rangeOperation({
    ...{ keys, prng, span: load.keyCount, isSerializable: false, isCountOnly: true },
  });
  const counted = await runCount({ ...load, connections: 1 }, count, 1);
  for (const what of Object.keys(counted.errors)) tally.error(what);
}

const CHECKSUM_BYTES = 32;

/**
 * Resolves to the length of the file. Its last 32 bytes are the SHA-256 of what precedes them, so
 * the hash runs behind by as many. `SnapshotResponse { remaining_bytes = 2, blob = 3 }`
 */
function receiveSnapshot(
  connection: ClientConnection,
  onBytes: (bytes: Buffer) => void = () => undefined,
): Promise<number> {
  const hash = createHash("sha256");
  const scan = new ProtoScan();
  let held: Buffer = Buffer.alloc(0);
  let total = 0;
  return new Promise((resolve, reject) => {
    const call: Call = {
      path: "/etcdserverpb.Maintenance/Snapshot",
      ...{ keepsOpen: false, streamId: 0, requestBytesMax: 0 },
      write: (_into, at) => at,
      onMessage(bytes, start, end) {
        scan.reset(bytes, start, end);
        while (scan.next()) {
          if (scan.field !== 3) continue;
          const joined = Buffer.concat([held, bytes.subarray(scan.start, scan.end)]);
          const split = Math.max(0, joined.length - CHECKSUM_BYTES);
          onBytes(bytes.subarray(scan.start, scan.end));
          hash.update(joined.subarray(0, split));
          held = joined.subarray(split);
          total += scan.end - scan.start;
        }
      },
      onEnd(status, message) {
        if (status !== GrpcStatus.OK) {
          reject(new BenchError("CHECK", `a snapshot ended with status ${status}: ${message}`));
        } else if (!hash.digest().equals(held)) {
          reject(new BenchError("CHECK", "a snapshot's checksum is wrong"));
        } else resolve(total);
      },
    };
    connection.start(call);
    connection.flush();
  });
}
