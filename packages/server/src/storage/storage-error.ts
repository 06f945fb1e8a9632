export type StorageErrorCode =
  | "IO" // the medium failed; what was acknowledged before is still good
  | "NO_SPACE" // the medium is full; free some space and start again, nothing acknowledged is lost
  | "CORRUPT" // what is stored breaks its format; the message names file, offset and what to do
  | "EXISTS" // a log already stands where one should be created
  | "NOT_FOUND" // no log, no segment for the snapshot, or no usable snapshot file
  | "SNAPSHOT_MISMATCH" // the log knows the snapshot's index under another term
  | "INVALID" // an argument that can't be; nothing was changed
  | "CLOSED" // used after close, or after a failure
  | "WRONG_ENGINE" // the data dir belongs to another storage engine
  | "FOREIGN_DATA"; // the data dir belongs to a real etcd

export interface StorageErrorDetails {
  readonly path?: string;
  /** Where in the file, in bytes from its start. */
  readonly offsetBytes?: number;
  readonly cause?: unknown;
}

/** What goes wrong with the files of a node. Messages say what was expected and what to do. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code: StorageErrorCode;
  readonly path: string | undefined;
  readonly offsetBytes: number | undefined;

  constructor(code: StorageErrorCode, message: string, details: StorageErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.path = details.path;
    this.offsetBytes = details.offsetBytes;
  }
}

/** What to do about the errors that a wrong place causes. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "; let the user of this process write there, or name another place",
  EPERM: "; let the user of this process write there, or name another place",
  EROFS: "; the file system is read-only: mount it for writing, or name another place",
  ENOTDIR: "; a file stands where a directory is wanted: name another place",
};

/**
 * What the file system threw, as a StorageError that says which step failed on which file. Anything
 * else (a broken invariant, a mistake in the code) is thrown on as it is.
 */
export function fromSystemError(cause: unknown, action: string, path: string): StorageError {
  if (cause instanceof StorageError) return cause;
  if (!isSystemError(cause)) throw cause;
  if (cause.code === "ENOSPC" || cause.code === "EDQUOT") {
    const advice = "free some space and start the member again; nothing acknowledged is lost";
    return new StorageError("NO_SPACE", `no space left to ${action} ${path}: ${advice}`, {
      path,
      cause,
    });
  }
  const advice = ADVICE[cause.code ?? ""] ?? "";
  const text = `cannot ${action} ${path}: ${cause.message}${advice}`;
  return new StorageError("IO", text, { path, cause });
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && /^E[A-Z]/.test((error as NodeJS.ErrnoException).code ?? "");
}
