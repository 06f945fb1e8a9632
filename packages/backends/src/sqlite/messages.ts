import type { CommitThread } from "../common/commit-thread.js";
import type { BackendStat } from "../port.js";

/** What the store asks of its writing thread besides commits. */
export type Work =
  /** Answered when the store is open. */
  | "open"
  /** Gives one step of free pages back. */
  | "vacuum"
  /** Moves the journal into the file and cuts both. */
  | "checkpoint";

/** Every answer is the size of the store after it. */
export type Committer = CommitThread<Work, BackendStat>;

/** What a view in the scanning thread needs from the store. */
export interface ViewParameters {
  /** Of the file, for reading. */
  readonly descriptor: number;
}
