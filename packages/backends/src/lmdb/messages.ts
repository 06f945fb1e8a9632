import type { CommitThread } from "../common/commit-thread.js";
import type { SentError } from "../common/scan-messages.js";
import type { BackendStat } from "../port.js";

/** What the store asks of its writing thread besides commits. */
export type Work =
  /** Creates an empty copy of the store. */
  | { readonly kind: "beginCopy" }
  /** Copies some more. */
  | { readonly kind: "copyStep" }
  /** Copies what is left; the store waits with commits. */
  | { readonly kind: "finishCopy" }
  /** Closes the copy, whatever its state. */
  | { readonly kind: "endCopy" }
  /** Goes on with another data file. */
  | { readonly kind: "move"; readonly file: string };

export interface Result {
  readonly stat: BackendStat;
  /** Of a step. */
  readonly copied?: { readonly bytes: number; readonly isComplete: boolean };
  /** Of work on a copy, which leaves the store as it is. */
  readonly error?: SentError;
}

export type Commits = CommitThread<Work, Result>;

/** What the thread is started with. */
export interface CommitThreadData {
  readonly file: string;
}
