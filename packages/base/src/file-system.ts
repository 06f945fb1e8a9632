/** How a file is opened. The "-durable" modes mean O_DSYNC: a write resolves when it is on the disk. */
export type OpenMode = "read" | "read-write" | "create" | "read-write-durable" | "create-durable";

/** An open file. Positions and lengths are bytes. Errors are Node's, with `code` such as "ENOSPC". */
export interface File {
  readonly path: string;
  /** Writes all of `bytes` at `position`; `bytes` is borrowed until the promise settles. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Reads up to `into.length` bytes at `position`; resolves to the count, 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Cuts or extends (with zeros) the file to `sizeBytes`. */
  truncate(sizeBytes: number): Promise<void>;
  /** Resolves once data and the metadata needed to read it back survive power loss. */
  sync(): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}

export interface FileStat {
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
  readonly modifiedMs: number;
}

/**
 * The file system as a port. Real: `@kvorum/base/node`. Simulated: `MemoryFileSystem`, which drops
 * what was not synced when its crash is simulated and injects errors.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<File>;
  /** The whole file. For small files only. */
  readFile(path: string): Promise<Buffer>;
  /** Creates or replaces a file, synced, readable by the owner only (0600). */
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  /** Names in a directory, sorted. @throws ENOENT */
  list(path: string): Promise<string[]>;
  /** Creates the directory and its parents, for the owner only (0700). */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string, options?: { readonly recursive: boolean }): Promise<void>;
  /** Undefined when nothing stands at `path`. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>;
}
