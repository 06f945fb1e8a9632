import { constants } from "node:fs";
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
} from "node:fs/promises";
import { dirname } from "node:path";
import type { File, FileSystem, OpenMode } from "../file-system.js";

const OWNER_ONLY_FILE = 0o600;
const OWNER_ONLY_DIRECTORY = 0o700;

const FLAGS: Record<OpenMode, number> = {
  read: constants.O_RDONLY,
  "read-write": constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  "read-write-durable": constants.O_RDWR | constants.O_DSYNC,
  "create-durable": constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC,
};

class NodeFile implements File {
  readonly path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    // A short write is legal (a signal, a nearly full disk): go on until all is written or it fails.
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        done,
        bytes.length - done,
        position + done,
      );
      done += bytesWritten;
    }
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(into, 0, into.length, position)).bytesRead;
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#handle.truncate(sizeBytes);
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

async function openFile(path: string, mode: OpenMode): Promise<File> {
  return new NodeFile(path, await open(path, FLAGS[mode], OWNER_ONLY_FILE));
}

/**
 * Not Node's own `recursive`: that tries for ever where the system answers ENOENT although the
 * parent is there, as it does below /proc.
 */
async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, OWNER_ONLY_DIRECTORY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await isDirectory(path))) return;
    const parent = dirname(path);
    if (code !== "ENOENT" || parent === path || (await isDirectory(parent))) throw error;
    await makeDirectory(parent);
    await makeDirectory(path);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** The machine's file system. */
export const nodeFileSystem: FileSystem = {
  open: openFile,
  readFile: (path) => readFile(path),
  async writeFile(path, bytes) {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;
    const handle = await open(path, flags, OWNER_ONLY_FILE);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  list: async (path) => (await readdir(path)).sort(),
  makeDirectory,
  rename,
  remove: (path, options) => rm(path, { recursive: options?.recursive ?? false }),
  async stat(path) {
    try {
      const found = await stat(path);
      return {
        sizeBytes: found.size,
        isDirectory: found.isDirectory(),
        modifiedMs: found.mtimeMs,
      };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // ENOTDIR: one of the parents is a file, so nothing can stand below it.
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw error;
    }
  },
  async syncDirectory(path) {
    const handle = await open(path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
