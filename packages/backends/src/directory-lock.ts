import { join } from "node:path";
import { toBackendError } from "./common/backend-errors.js";
import { prepareDirectory } from "./common/directory.js";
import { BackendError } from "./port.js";

export interface DirectoryLock {
  /** Gives the directory free; idempotent. The file stays. */
  release(): Promise<void>;
}

/**
 * Takes a directory for this process alone, against other processes and against a second call here.
 * The lock is SQLite's own on the file `lock` in it, so the kernel releases it when the process
 * ends in whatever way. Nothing else may open that file: on POSIX the first close of any descriptor
 * in the process gives the lock up.
 * @param path created (0700) when absent
 * @throws BackendError "LOCKED" | "IO" | "NO_SPACE"
 */
export async function lockDirectory(path: string): Promise<DirectoryLock> {
  await prepareDirectory(path).catch((error: unknown) => {
    throw toBackendError(error, path);
  });
  // Loaded here, so that importing the package loads no native code.
  const { default: Database } = await import("better-sqlite3");
  const file = join(path, "lock");
  let connection: InstanceType<typeof Database> | undefined;
  try {
    connection = new Database(file, { timeout: 0 });
    connection.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    connection?.close();
    const failure = toBackendError(error, file);
    if (failure.code !== "LOCKED") throw failure;
    throw new BackendError(
      "LOCKED",
      `${path}: another process uses this data directory; stop it, or give another one`,
      { cause: error },
    );
  }
  const held = connection;
  return {
    async release() {
      // Closing ends the transaction, which wrote nothing.
      if (held.open) held.close();
    },
  };
}
