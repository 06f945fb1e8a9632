import { dirname } from "node:path";
import type { View } from "@kvorum/backends";
import { type BoltStream, snapshotStream } from "@kvorum/backends/boltfile";
import type { FileSystem } from "@kvorum/base";
import { fromSystemError } from "../storage-error.js";

/** Bytes done of all bytes; the last report says all of them. */
export type SnapshotProgress = (progress: {
  readonly doneBytes: number;
  readonly totalBytes: number;
}) => void;

/**
 * The content of a view as a snapshot file of etcd: a bolt database, then its SHA-256. Any engine's
 * view gives the same file for the same content, whatever the engine. The view is the stream's
 * from here on: it is closed when `chunks` ends, fails or is given up, and when this rejects. A
 * stream whose `chunks` is never begun must be ended with `chunks.return()`.
 * @throws BackendError of the view, or "CORRUPT" when the view breaks the key order
 */
export async function saveSnapshot(view: View): Promise<BoltStream> {
  let stream: BoltStream;
  try {
    stream = await snapshotStream(view);
  } catch (error) {
    await view.close();
    throw error;
  }
  return { totalBytes: stream.totalBytes, chunks: new ClosingChunks(stream.chunks, view) };
}

export interface SaveSnapshotFileOptions {
  /** Closed in any case. */
  readonly view: View;
  readonly fs: FileSystem;
  /** Replaced when it exists, once the new file is complete. */
  readonly path: string;
  readonly onProgress?: SnapshotProgress;
}

/**
 * Writes a snapshot of the view to `path`, whole or not at all: first to `<path>.part`, as
 * `etcdctl snapshot save` does. Durable when the promise resolves.
 * @returns the size of the file in bytes
 * @throws BackendError; StorageError "NO_SPACE" | "IO"
 */
export async function saveSnapshotFile(options: SaveSnapshotFileOptions): Promise<number> {
  const { fs, path, view } = options;
  const part = `${path}.part`;
  const stream = await saveSnapshot(view);
  try {
    if ((await fs.stat(part)) !== undefined) await fs.remove(part);
    await writeStream(options, stream, part);
    await fs.rename(part, path);
    await fs.syncDirectory(dirname(path));
    return stream.totalBytes;
  } catch (error) {
    await stream.chunks.return();
    throw isSystemError(error) ? fromSystemError(error, "save a snapshot to", path) : error;
  }
}

async function writeStream(
  { fs, onProgress }: SaveSnapshotFileOptions,
  stream: BoltStream,
  path: string,
): Promise<void> {
  const file = await fs.open(path, "create");
  try {
    let position = 0;
    for await (const chunk of stream.chunks) {
      await file.write(chunk, position);
      position += chunk.length;
      onProgress?.({ doneBytes: position, totalBytes: stream.totalBytes });
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

/**
 * Passes chunks on and closes the view at the end. A generator function would not do: its cleanup
 * doesn't run when it is given up before its first step.
 */
class ClosingChunks implements AsyncGenerator<Buffer, void, undefined> {
  readonly #chunks: AsyncGenerator<Buffer, void, undefined>;
  readonly #view: View;

  constructor(chunks: AsyncGenerator<Buffer, void, undefined>, view: View) {
    this.#chunks = chunks;
    this.#view = view;
  }

  async next(): Promise<IteratorResult<Buffer, void>> {
    let result: IteratorResult<Buffer, void> | undefined;
    try {
      result = await this.#chunks.next();
      return result;
    } finally {
      if (result?.done !== false) await this.#view.close();
    }
  }

  async return(): Promise<IteratorResult<Buffer, void>> {
    try {
      return await this.#chunks.return();
    } finally {
      await this.#view.close();
    }
  }

  async throw(error: unknown): Promise<IteratorResult<Buffer, void>> {
    try {
      return await this.#chunks.throw(error);
    } finally {
      await this.#view.close();
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
