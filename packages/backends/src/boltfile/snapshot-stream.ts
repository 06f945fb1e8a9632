import { createHash } from "node:crypto";
import type { File } from "@kvorum/base";
import { BackendError } from "../port.js";
import type { BoltSource, WriteBoltOptions } from "./build-pages.js";
import { ChunkMemory } from "./chunk-memory.js";
import { CHUNK_BYTES_DEFAULT } from "./limits.js";
import type { BoundedBucket } from "./page-bound.js";
import { readFully } from "./page-reader.js";
import { type BoltStream, writeBoltFile, writeBoltFileWithin } from "./write.js";

/** Bytes of the hash that ends a snapshot file. */
export const SNAPSHOT_HASH_BYTES = 32;

/**
 * A snapshot file as `Maintenance.Snapshot` streams it and `etcdctl snapshot save` stores it: a
 * bolt database, then the SHA-256 of its bytes. `totalBytes` counts the hash too. Scans the source
 * twice.
 * @throws as `writeBoltFile`
 */
export async function snapshotStream(
  source: BoltSource,
  options: WriteBoltOptions = {},
): Promise<BoltStream> {
  return withHash(await writeBoltFile(source, options));
}

/** The same with a single scan, or undefined: see `writeBoltFileWithin`. */
export async function snapshotStreamWithin(
  source: BoltSource,
  bounded: BoundedBucket,
  options: WriteBoltOptions = {},
): Promise<BoltStream | undefined> {
  const database = await writeBoltFileWithin(source, bounded, options);
  return database === undefined ? undefined : withHash(database);
}

/**
 * The same from a database that stands in a file, such as `writeBoltFileTo` has made. The file must
 * stay open until the stream ends.
 * @param databaseBytes size of the database; what stands behind it in the file is left out
 */
export function snapshotFileStream(file: File, databaseBytes: number): BoltStream {
  const memory = new ChunkMemory(CHUNK_BYTES_DEFAULT);
  const chunks = readChunks(file, databaseBytes, memory);
  return withHash({ totalBytes: databaseBytes, chunks, memory });
}

function withHash({ totalBytes, chunks, memory }: BoltStream): BoltStream {
  return { totalBytes: totalBytes + SNAPSHOT_HASH_BYTES, chunks: appendHash(chunks), memory };
}

/**
 * The first `sizeBytes` of a file, one chunk read ahead. The chunks are the receiver's, to keep or
 * to give back to `memory`.
 */
export async function* readChunks(
  file: File,
  sizeBytes: number,
  memory = new ChunkMemory(CHUNK_BYTES_DEFAULT),
): AsyncGenerator<Buffer, void, undefined> {
  const read = async (position: number): Promise<Buffer> => {
    const bytes = Math.min(CHUNK_BYTES_DEFAULT, sizeBytes - position);
    const chunk = memory.take(bytes).subarray(0, bytes);
    const count = await readFully(file, chunk, position);
    if (count === chunk.length) return chunk;
    throw new BackendError("FORMAT", `${file.path}: ends at byte ${position + count}`);
  };
  let next = read(0);
  for (let position = 0; position < sizeBytes; ) {
    const chunk = await next;
    position += chunk.length;
    next = read(position);
    // When the receiver gives up, nobody awaits this one.
    next.catch(() => {});
    yield chunk;
  }
}

async function* appendHash(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  yield hash.digest();
}
