import { etcdserverpb, limits } from "@kvorum/api";
import { varintSize, writeVarint } from "@kvorum/base";
import type { MessageSource, StreamCall } from "@kvorum/grpc";
import { Pace } from "./pace.js";

/** A snapshot file as a forward-only stream whose length is known before it begins. */
export interface SnapshotStream {
  readonly totalBytes: number;
  readonly chunks: AsyncIterable<Buffer>;
  /** Takes chunks back that were sent. */
  readonly memory: { give(chunk: Buffer): void };
}

export interface SnapshotSource {
  /** A frozen state of the store, with etcd's trailer; released when its chunks end or are returned. */
  openSnapshot(): Promise<SnapshotStream>;
  /** For the messages' version field; empty while unknown. */
  storageVersion(): string;
}

/**
 * Maintenance.Snapshot: messages of 32 KiB with the count of bytes that remain, then one with the
 * SHA-256 of all before it. The bytes of the file are copied once, into the output's own memory when
 * there is room in it.
 */
export async function sendSnapshot(call: StreamCall, source: SnapshotSource): Promise<void> {
  const pace = new Pace(call);
  const version = versionField(source.storageVersion());
  const snapshot = await source.openSnapshot();
  let remainingBytes = snapshot.totalBytes - TRAILER_BYTES;
  let sent: Buffer | undefined;
  // Leaving the loop early returns the chunks, which releases what they stand on.
  for await (const chunk of snapshot.chunks) {
    for (let start = 0; start < chunk.length; ) {
      let mayGoOn = true;
      const portionEnd = Math.min(chunk.length, start + PORTION_BYTES);
      for (; start < portionEnd; start += limits.snapshotChunkBytes) {
        if (pace.isOver) return;
        const blob = chunk.subarray(start, start + limits.snapshotChunkBytes);
        remainingBytes = Math.max(0, remainingBytes - blob.length);
        mayGoOn = call.writeParts([
          fieldsBefore(blob, remainingBytes),
          new BytesSource(blob),
          version,
        ]);
      }
      if (!mayGoOn) await pace.drained();
    }
    // What waits still is of this chunk, so the one before has been copied.
    if (call.queuedBytes > chunk.length) continue;
    if (sent !== undefined) snapshot.memory.give(sent);
    sent = chunk;
  }
  call.end();
}

/** Bytes that are copied into the output, and not referred to by it. */
class BytesSource implements MessageSource {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  copyNext(into: Uint8Array, at: number, count: number): void {
    this.#bytes.copy(into, at, this.#at, this.#at + count);
    this.#at += count;
  }
}

/** The message up to the bytes of its blob; by hand, because a snapshot has tens of thousands. */
function fieldsBefore(blob: Buffer, remainingBytes: number): Uint8Array {
  const hasRemaining = remainingBytes > 0;
  const before = hasRemaining ? 1 + varintSize(remainingBytes) : 0;
  const fields = Buffer.allocUnsafe(before + 1 + varintSize(blob.length));
  if (hasRemaining) {
    fields[0] = REMAINING_TAG;
    writeVarint(fields, 1, remainingBytes);
  }
  fields[before] = BLOB_TAG;
  writeVarint(fields, before + 1, blob.length);
  return fields;
}

/** What follows the blob. */
function versionField(version: string): Uint8Array {
  const fields = { header: undefined, remainingBytes: 0n, blob: new Uint8Array(0), version };
  return etcdserverpb.SnapshotResponse.encode(fields).finish();
}

/** Field 2, a number. */
const REMAINING_TAG = 2 << 3;
/** Field 3, bytes. */
const BLOB_TAG = (3 << 3) | 2;

/**
 * What is written before the client's pace is looked at, and so about what a connection holds of a
 * snapshot: fewer, larger writes to the socket cost less.
 */
const PORTION_BYTES = 8 * limits.snapshotChunkBytes;

/** SHA-256 */
const TRAILER_BYTES = 32;
