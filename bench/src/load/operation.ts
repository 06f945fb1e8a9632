/**
 * One kind of unary request: how the next one is written and what its reply must be. One object
 * serves all calls of a load; what belongs to a call is in `CallState`.
 */
export interface Operation {
  /** "/package.Service/Method". */
  readonly path: string;
  readonly requestBytesMax: number;
  /** True when each success makes a revision of its own, so that no two replies may share one. */
  readonly makesRevision: boolean;
  /** Writes a request at `at`; returns the offset behind it. */
  write(into: Buffer, at: number, state: CallState): number;
  /** What is wrong with a reply, or undefined. */
  check(bytes: Buffer, start: number, end: number, state: CallState): string | undefined;
  /** For a stream of replies: what is wrong with all of them together. One reply has none. */
  checkEnd?(state: CallState): string | undefined;
}

/** What one call remembers from its request to its reply. */
export interface CallState {
  /** When it was started, or should have been. */
  readonly startedMs: number;
  /** The number of the key that was asked for. */
  key: number;
  /** The revision in the header of the reply. */
  revision: number;
  /** Records seen, over all messages of a stream of replies. */
  records: number;
}
