import { createHash } from "node:crypto";
import type { File } from "@kvorum/base";
import { BackendError } from "../port.js";
import type { BoltSource, WriteBoltOptions } from "./build-pages.js";
import { CHUNK_BYTES_DEFAULT } from "./limits.js";
import { readFully } from "./page-reader.js";
import { type BoltStream, writeBoltFile } from "./write.js";

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
  const database = await writeBoltFile(source, options);
  return {
    totalBytes: database.totalBytes + SNAPSHOT_HASH_BYTES,
    chunks: appendHash(database.chunks),
  };
}

/**
 * The same from a database that stands in a file, such as `writeBoltFileTo` has made. The file must
 * stay open until the stream ends.
 * @param databaseBytes size of the database; what stands behind it in the file is left out
 */
export function snapshotFileStream(file: File, databaseBytes: number): BoltStream {
  return {
    totalBytes: databaseBytes + SNAPSHOT_HASH_BYTES,
    chunks: appendHash(readChunks(file, databaseBytes)),
  };
}

/** The first `sizeBytes` of a file, one chunk read ahead. The chunks are the receiver's. */
export async function* readChunks(
  file: File,
  sizeBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  const read = async (position: number): Promise<Buffer> => {
    const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES_DEFAULT, sizeBytes - position));
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
