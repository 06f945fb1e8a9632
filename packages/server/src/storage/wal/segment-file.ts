import type { File, FileSystem } from "@kvorum/base";
import { ZERO_STEP_BYTES } from "../limits.js";

export interface NewSegmentOptions {
  readonly fs: FileSystem;
  readonly path: string;
  readonly segmentBytes: number;
  /** How many bytes from the start to fill with zeros that are really on the disk. */
  readonly zeroBytes: number;
  /** Writes resolve only when they survive power loss. */
  readonly isDurable: boolean;
  /** Fills in small steps, so that the log's own writes get in between; asked between them. */
  readonly isCancelled?: () => boolean;
}

/**
 * Creates a file of `segmentBytes` zeros. On blocks that were written before, a durable write need
 * not wait for the file system's journal, which halves its time.
 * @returns the open file, its size and zeros synced; the name is not
 */
export async function createSegmentFile(options: NewSegmentOptions): Promise<File> {
  const { fs, path, segmentBytes, zeroBytes, isDurable } = options;
  const file = await fs.open(path, isDurable ? "create-durable" : "create");
  try {
    await file.truncate(segmentBytes);
    await fillWithZeros(file, 0, Math.min(zeroBytes, segmentBytes), options.isCancelled);
    if (isDurable) await file.sync();
    return file;
  } catch (error) {
    await file.close();
    await fs.remove(path).catch(() => undefined);
    throw error;
  }
}

/**
 * Writes zeros over `[start, end)`: at once, or, when `isCancelled` is given, in small steps and
 * only as long as it is false.
 */
export async function fillWithZeros(
  file: File,
  start: number,
  end: number,
  isCancelled?: () => boolean,
): Promise<void> {
  const stepBytes = isCancelled === undefined ? end - start : ZERO_STEP_BYTES;
  const zeros = Buffer.alloc(Math.max(0, Math.min(stepBytes, end - start)));
  for (let at = start; at < end && !isCancelled?.(); at += zeros.length) {
    await file.write(zeros.subarray(0, end - at), at);
  }
}
