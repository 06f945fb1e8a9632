import { createHash } from "node:crypto";
import { type BoltSource, type BoltStream, type WriteBoltOptions, writeBoltFile } from "./write.js";

/** Bytes of the hash that ends a snapshot file. */
export const SNAPSHOT_HASH_BYTES = 32;

/**
 * A snapshot file as `Maintenance.Snapshot` streams it and `etcdctl snapshot save` stores it: a bolt
 * database, then the SHA-256 of its bytes. `totalBytes` counts the hash too.
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

async function* appendHash(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
  yield hash.digest();
}
