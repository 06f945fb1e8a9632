import { createHash } from "node:crypto";
import type { File } from "@kvorum/base";
import { BackendError } from "../port.js";
import { ChunkMemory } from "./chunk-memory.js";
import { CHUNK_BYTES_DEFAULT, PAGE_SIZE_MIN } from "./limits.js";
import { readFully } from "./page-reader.js";
import { readChunks, SNAPSHOT_HASH_BYTES } from "./snapshot-stream.js";

export interface VerifySnapshotOptions {
  /** Accept a file without a hash, and one whose hash does not match. */
  readonly skipHashCheck: boolean;
}

export interface VerifiedSnapshot {
  /** Bytes of the database, without the hash. */
  readonly databaseBytes: number;
  readonly hasHash: boolean;
}

/**
 * Whether a file of this size ends with a hash: databases are whole pages, and every page size is a
 * multiple of the smallest disk sector.
 */
function hasSnapshotHash(sizeBytes: number): boolean {
  return sizeBytes % PAGE_SIZE_MIN === SNAPSHOT_HASH_BYTES;
}

/**
 * Checks the hash at the end of a snapshot file as `etcdutl snapshot restore` does.
 * @throws BackendError "FORMAT" with etcd's text when it is missing or does not match; "IO"
 */
export async function verifySnapshotFile(
  file: File,
  options: VerifySnapshotOptions,
): Promise<VerifiedSnapshot> {
  const sizeBytes = await file.sizeBytes();
  const hasHash = hasSnapshotHash(sizeBytes);
  const databaseBytes = hasHash ? sizeBytes - SNAPSHOT_HASH_BYTES : sizeBytes;
  if (options.skipHashCheck) return { databaseBytes, hasHash };
  if (!hasHash) {
    throw new BackendError("FORMAT", "snapshot missing hash but --skip-hash-check=false");
  }
  const expected = Buffer.alloc(SNAPSHOT_HASH_BYTES);
  await readFully(file, expected, databaseBytes);
  const actual = await hashStart(file, databaseBytes);
  if (!expected.equals(actual)) {
    const what = `expected sha256 ${goBytes(expected)}, got ${goBytes(actual)}`;
    throw new BackendError("FORMAT", what);
  }
  return { databaseBytes, hasHash };
}

async function hashStart(file: File, sizeBytes: number): Promise<Buffer> {
  const hash = createHash("sha256");
  const memory = new ChunkMemory(CHUNK_BYTES_DEFAULT);
  for await (const chunk of readChunks(file, sizeBytes, memory)) {
    hash.update(chunk);
    memory.give(chunk);
  }
  return hash.digest();
}

/** Bytes as Go's `%v` prints them. */
function goBytes(bytes: Buffer): string {
  return `[${[...bytes].join(" ")}]`;
}
