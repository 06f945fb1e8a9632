import { toBackendError } from "../common/backend-errors.js";
import { isFull } from "../common/directory.js";
import { BackendError } from "../port.js";

/**
 * What a failed write of `bytes` bytes means: LMDB reports one that a full disk has cut short as a
 * failure of the medium.
 */
export async function explainWrite(
  error: unknown,
  at: { readonly file: string; readonly directory: string; readonly bytes: number },
): Promise<BackendError> {
  const reason = toBackendError(error, at.file);
  if (reason.code !== "IO" || !(await isFull(at.directory, at.bytes + SPARE_BYTES))) return reason;
  return new BackendError("NO_SPACE", `${at.file}: no space is left; free some and start again`, {
    cause: reason,
  });
}

/** Pages that a write takes besides its records. */
const SPARE_BYTES = 65_536;
