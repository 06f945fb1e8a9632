export type MvccErrorCode =
  | "CORRUPT" // a stored record can't be decoded, or one that the index names is missing
  | "CLOSED"; // used after close, or after a commit failed

/** What fails inside the store itself; refusals that a client sees are `ApiError`s. */
export class MvccError extends Error {
  override readonly name = "MvccError";
  readonly code: MvccErrorCode;

  /** @param message what was wrong, with the revision or bytes that show it */
  constructor(code: MvccErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
