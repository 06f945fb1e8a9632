import { readFileSync, statSync } from "node:fs";

/**
 * Files that are read again when they change, which is seen from time, size and inode. Synchronous,
 * because a handshake can't wait in the place where the certificates must be ready; the files are
 * small, and a check is one stat each.
 */
export class WatchedFiles {
  readonly #paths: readonly string[];
  #signature = "";

  constructor(paths: readonly (string | undefined)[]) {
    this.#paths = paths.filter((path) => path !== undefined);
  }

  /** Whether any of the files changed since the last call; true on the first. @throws ENOENT */
  haveChanged(): boolean {
    const signature = this.#paths.map(signatureOf).join("|");
    if (signature === this.#signature) return false;
    this.#signature = signature;
    return true;
  }

  /** Makes the next `haveChanged` true, after the new contents proved unusable. */
  forget(): void {
    this.#signature = "";
  }
}

function signatureOf(path: string): string {
  const { mtimeMs, size, ino } = statSync(path);
  return `${path}:${mtimeMs}:${size}:${ino}`;
}

/** The whole file, with etcd's message where there is none. @throws Error */
export function readConfiguredFile(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error(`open ${path}: no such file or directory`, { cause: error });
  }
}
