import { fromSystemError } from "../storage-error.js";

/** What the file system threw becomes a StorageError; what an engine or a format threw stays. */
export function asStorageError(error: unknown, action: string, path: string): unknown {
  const isSystemError = error instanceof Error && "syscall" in error;
  return isSystemError ? fromSystemError(error, action, path) : error;
}
