import { messageOf } from "@kvorum/base";
import { BackendError, type BackendErrorCode } from "../port.js";

/**
 * Turns whatever an engine threw into a `BackendError`, by the codes of Node, SQLite, LMDB and
 * classic-level. The one place where foreign errors are read.
 * @param file the file or directory to name
 */
export function toBackendError(error: unknown, file: string): BackendError {
  let innermost = error;
  for (let cause = error; cause !== undefined; cause = causeOf(cause)) {
    if (cause instanceof BackendError) return cause;
    const code = classify(cause);
    if (code !== undefined) return describe(code, cause, { file, error });
    innermost = cause;
  }
  return describe("IO", innermost, { file, error });
}

function describe(
  code: BackendErrorCode,
  reason: unknown,
  { file, error }: { readonly file: string; readonly error: unknown },
): BackendError {
  return new BackendError(code, `${file}: ${ADVICE[code]}: ${messageOf(reason)}`, { cause: error });
}

const ADVICE: Readonly<Record<BackendErrorCode, string>> = {
  IO: "the medium or the engine failed",
  NO_SPACE: "no space is left; free some and start again",
  CORRUPT: "the stored data are damaged; restore from a snapshot or from the peers",
  CLOSED: "the store is closed",
  LOCKED: "in use by another process",
  ENGINE: "the engine can't be used",
  FORMAT: "the file breaks its format",
};

const CODES: ReadonlyMap<unknown, BackendErrorCode> = new Map<unknown, BackendErrorCode>([
  ["ENOSPC", "NO_SPACE"],
  ["EDQUOT", "NO_SPACE"],
  ["SQLITE_FULL", "NO_SPACE"],
  ["SQLITE_CORRUPT", "CORRUPT"],
  ["SQLITE_NOTADB", "CORRUPT"],
  // The statements are fixed and right, so it is the stored schema that has changed.
  ["SQLITE_ERROR", "CORRUPT"],
  ["SQLITE_BUSY", "LOCKED"],
  ["LEVEL_CORRUPTION", "CORRUPT"],
  ["LEVEL_LOCKED", "LOCKED"],
  // LMDB passes on errno as a number: ENOSPC, EDQUOT.
  [28, "NO_SPACE"],
  [122, "NO_SPACE"],
  // MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID, MDB_INCOMPATIBLE.
  [-30797, "CORRUPT"],
  [-30796, "CORRUPT"],
  [-30794, "CORRUPT"],
  [-30793, "CORRUPT"],
  [-30784, "CORRUPT"],
]);

function classify(error: unknown): BackendErrorCode | undefined {
  const raw = codeOf(error);
  // Space comes first: LevelDB says "IO error: ...: No space left on device" under one code.
  if (/no space left|disk quota exceeded/i.test(messageOf(error))) return "NO_SPACE";
  const code = CODES.get(raw);
  if (code !== undefined) return code;
  if (typeof raw === "string" && /^SQLITE_CORRUPT/.test(raw)) return "CORRUPT";
  if (/^corruption:/i.test(messageOf(error))) return "CORRUPT";
  return undefined;
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

function causeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "cause" in error ? error.cause : undefined;
}
