import type { File, FileSystem } from "@kvorum/base";
import { READ_CHUNK_BYTES } from "../limits.js";
import { fromSystemError } from "../storage-error.js";
import type { TornTail } from "./scan.js";

export interface Repair extends TornTail {
  /** The file as it was found, kept beside it. */
  readonly brokenPath: string;
}

/**
 * Cuts a torn tail off, after keeping a copy of the whole file. Nothing acknowledged is lost: an
 * append is acknowledged only when all of it is on the disk.
 */
export async function repairTornTail(fs: FileSystem, torn: TornTail): Promise<Repair> {
  const brokenPath = `${torn.path}.broken`;
  try {
    if ((await fs.stat(brokenPath)) !== undefined) await fs.remove(brokenPath);
    const file = await fs.open(torn.path, "read-write");
    try {
      await copyInto(fs, file, brokenPath);
      await file.truncate(torn.offsetBytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fromSystemError(cause, "repair", torn.path);
  }
  return { ...torn, brokenPath };
}

/** Pieces that hold zeros alone stay holes: most of a segment is room that was never written. */
async function copyInto(fs: FileSystem, source: File, path: string): Promise<void> {
  const copy = await fs.open(path, "create");
  try {
    const piece = Buffer.allocUnsafe(READ_CHUNK_BYTES);
    let at = 0;
    for (;;) {
      const count = await source.read(piece, at);
      if (count === 0) break;
      const bytes = piece.subarray(0, count);
      if (bytes.some((byte) => byte !== 0)) await copy.write(bytes, at);
      at += count;
    }
    await copy.truncate(at);
    await copy.sync();
  } finally {
    await copy.close();
  }
}
