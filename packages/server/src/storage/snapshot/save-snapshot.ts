import type { View } from "@kvorum/backends";
import {
  type BoltStream,
  type BoundedBucket,
  SNAPSHOT_HASH_BYTES,
  snapshotFileStream,
  snapshotStream,
  snapshotStreamWithin,
  writeBoltFileTo,
} from "@kvorum/backends/boltfile";
import type { Clock, File } from "@kvorum/base";
import { asStorageError } from "./as-storage-error.js";
import { endWith } from "./end-with.js";
import { runAhead } from "./run-ahead.js";
import { createAnew, type SpoolPlace } from "./spool-place.js";

/** What is known in advance of a view's largest bucket. */
export interface Bounded {
  readonly bucket: BoundedBucket;
  readonly clock: Clock;
}

/** Bytes done of all bytes; the last report says all of them. */
export type SnapshotProgress = (progress: {
  readonly doneBytes: number;
  readonly totalBytes: number;
}) => void;

/**
 * The content of a view as a snapshot file of etcd: a bolt database, then its SHA-256. The same
 * content gives the same bytes, whatever the engine, but for pages of zeros where `bounded` is used.
 *
 * A slow receiver should not hold up the engine, which can't reuse what a view pins; so with a spool
 * the view is scanned once, with little or no waiting for the receiver, and then closed:
 * - with a bound of its largest bucket that is of use, the stream begins at once, and what the
 *   receiver has not taken waits in memory and then in the spool, see `runAhead`;
 * - without one, the database is made in the spool and the stream begins when it is whole, because
 *   its first page says how long it is.
 *
 * Without a spool the view is scanned twice and needs no disk; it is closed when the stream ends.
 *
 * The view belongs to the stream: it is closed in any case, also when this rejects. A stream that
 * is not read to its end must be ended with `chunks.return()`.
 * @throws BackendError of the view, or "CORRUPT" when the view breaks the key order; StorageError
 *   "NO_SPACE" | "IO" of the spool
 */
export async function saveSnapshot(
  view: View,
  spool?: SpoolPlace,
  bounded?: Bounded,
): Promise<BoltStream> {
  if (spool !== undefined) return saveThrough(view, spool, bounded);
  try {
    const stream = await snapshotStream(view);
    return { ...stream, chunks: endWith(stream.chunks, () => view.close()) };
  } catch (error) {
    await view.close();
    throw error;
  }
}

/** The same without the hash, as members send it to each other: the bolt database alone. */
export async function saveDatabase(view: View, spool: SpoolPlace): Promise<BoltStream> {
  const { totalBytes, chunks, memory } = await saveSnapshot(view, spool);
  const databaseBytes = totalBytes - SNAPSHOT_HASH_BYTES;
  return { totalBytes: databaseBytes, chunks: firstBytes(chunks, databaseBytes), memory };
}

async function* firstBytes(
  chunks: AsyncGenerator<Buffer, void, undefined>,
  count: number,
): AsyncGenerator<Buffer, void, undefined> {
  let left = count;
  for await (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

async function saveThrough(
  view: View,
  spool: SpoolPlace,
  bounded: Bounded | undefined,
): Promise<BoltStream> {
  if (bounded === undefined) return spoolSnapshot(view, spool);
  let stream: BoltStream | undefined;
  try {
    stream = await snapshotStreamWithin(view, bounded.bucket);
  } catch (error) {
    await view.close();
    throw error;
  }
  if (stream === undefined) return spoolSnapshot(view, spool);
  return runAhead(stream, { spool, clock: bounded.clock, ended: () => view.close() });
}

async function spoolSnapshot(view: View, { fs, path }: SpoolPlace): Promise<BoltStream> {
  let file: File | undefined;
  const discard = async (): Promise<void> => {
    if (file === undefined) return;
    await file.close();
    await fs.remove(path);
  };
  try {
    file = await createAnew(fs, path);
    const databaseBytes = await writeBoltFileTo(view, file);
    const stream = snapshotFileStream(file, databaseBytes);
    return { ...stream, chunks: endWith(stream.chunks, discard) };
  } catch (error) {
    await discard();
    throw asStorageError(error, "save a snapshot to", path);
  } finally {
    await view.close();
  }
}
