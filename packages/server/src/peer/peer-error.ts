export type PeerErrorCode =
  /** The far end sent something that is not the protocol. */
  | "MALFORMED"
  /** No connection, or it broke. */
  | "UNREACHABLE"
  | "TIMED_OUT"
  /** An answer longer than its limit. */
  | "TOO_LARGE"
  /** The far end answered with a refusal; `status` holds the HTTP code. */
  | "REFUSED"
  /** The far end says that this member was removed from the cluster. */
  | "REMOVED"
  /** This transport was stopped. */
  | "STOPPED";

/** What goes wrong between two members. */
export class PeerError extends Error {
  override readonly name = "PeerError";
  readonly code: PeerErrorCode;
  /** HTTP status of a refusal; 0 otherwise. */
  readonly status: number;

  constructor(
    code: PeerErrorCode,
    message: string,
    options: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 0;
  }
}
