import { etcdserverpb, limits } from "@kvorum/api";
import type { StreamCall } from "@kvorum/grpc";
import { drained } from "./range-stream.js";

/** A snapshot file as a forward-only stream whose length is known before it begins. */
export interface SnapshotStream {
  readonly totalBytes: number;
  readonly chunks: AsyncIterable<Buffer>;
}

export interface SnapshotSource {
  /** A frozen state of the store, with etcd's trailer; released when its chunks end or are returned. */
  openSnapshot(): Promise<SnapshotStream>;
  /** For the messages' version field; empty while unknown. */
  storageVersion(): string;
}

/**
 * Maintenance.Snapshot: messages of 32 KiB with the count of bytes that remain, then one with the
 * SHA-256 of all before it.
 */
export async function sendSnapshot(call: StreamCall, source: SnapshotSource): Promise<void> {
  const version = source.storageVersion();
  const snapshot = await source.openSnapshot();
  let remainingBytes = snapshot.totalBytes - TRAILER_BYTES;
  // Leaving the loop early returns the chunks, which releases what they stand on.
  for await (const chunk of snapshot.chunks) {
    for (let start = 0; start < chunk.length; start += limits.snapshotChunkBytes) {
      if (call.cancelled) return;
      const blob = chunk.subarray(start, start + limits.snapshotChunkBytes);
      remainingBytes = Math.max(0, remainingBytes - blob.length);
      const message = etcdserverpb.SnapshotResponse.encode({
        header: undefined,
        remainingBytes: BigInt(remainingBytes),
        blob,
        version,
      }).finish();
      if (!call.write(message)) await drained(call);
    }
  }
  call.end();
}

/** SHA-256 */
const TRAILER_BYTES = 32;
