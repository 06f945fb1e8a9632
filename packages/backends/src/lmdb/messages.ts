import type { CommitThread } from "../common/commit-thread.js";
import type { SentError } from "../common/scan-messages.js";
import type { BackendStat } from "../port.js";

/** What the store asks of its writing thread besides commits. */
export type Work =
  /** From now on the thread notes the keys that are committed. */
  | { readonly kind: "track" }
  /** Brings the keys noted so far in the data file `copy` to what the store holds. */
  | { readonly kind: "catchUp"; readonly copy: string }
  /** Ends both and closes the copy. */
  | { readonly kind: "untrack" }
  /** Goes on with another data file. */
  | { readonly kind: "move"; readonly file: string };

export interface Result {
  readonly stat: BackendStat;
  /** Of work on a copy, which leaves the store as it is. */
  readonly error?: SentError;
}

export type Commits = CommitThread<Work, Result>;

/** What the thread is started with. */
export interface CommitThreadData {
  readonly file: string;
}
