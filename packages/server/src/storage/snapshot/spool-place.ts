import type { File, FileSystem } from "@kvorum/base";

/** A file for the time of one stream: on the disk, the size of the database at most. */
export interface SpoolPlace {
  readonly fs: FileSystem;
  /** Replaced when something is left there; removed at the end. */
  readonly path: string;
}

/** An empty file at `path`, whatever was there. */
export async function createAnew(fs: FileSystem, path: string): Promise<File> {
  if ((await fs.stat(path)) !== undefined) await fs.remove(path);
  return fs.open(path, "create");
}
