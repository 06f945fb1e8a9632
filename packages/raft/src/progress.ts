import { type LogIndex, type MemberId, violated } from "@kvorum/base";
import { Inflights } from "./inflights.js";
import { payloadBytes } from "./messages.js";
import type { FollowerState } from "./node.js";
import type { Entry } from "./types.js";

/**
 * What the leader knows of one member, and how it sends to it.
 *
 * ```
 *            accepted                       log compacted
 *   probe ------------> replicate      any ---------------> snapshot
 *     ^  <------------                                         |
 *     |   rejected, unreachable                                |
 *     +---------------- reported, or caught up ----------------+
 * ```
 *
 * probe: one MsgApp at a time, then silence until an answer. replicate: `next` runs ahead of the
 * answers, bounded by the messages in flight. snapshot: nothing is sent.
 * Invariant: match < next. Counterpart of etcd's tracker.Progress.
 */
export class FollowerProgress {
  readonly id: MemberId;
  match: LogIndex = 0;
  next: LogIndex;
  state: FollowerState = "probe";
  isLearner = false;
  recentActive = false;
  pendingSnapshot: LogIndex = 0;
  /** Highest commit index sent along; what it can't raise any more isn't worth a message. */
  sentCommit: LogIndex = 0;
  /** A MsgApp is due even if it carries nothing new. */
  sendWanted = false;
  /** Position of the newest read request confirmed by this member. */
  readAcknowledged = 0;
  readonly inflights: Inflights;
  #flowPaused = false;

  constructor(
    id: MemberId,
    options: {
      readonly next: LogIndex;
      readonly inflightMessagesMax: number;
      readonly inflightBytesMax: number;
    },
  ) {
    this.id = id;
    this.next = options.next;
    this.inflights = new Inflights({
      messagesMax: options.inflightMessagesMax,
      bytesMax: options.inflightBytesMax,
    });
  }

  get paused(): boolean {
    return this.state === "snapshot" || this.#flowPaused;
  }

  /** Starts anew, for a new term. */
  reset(lastIndex: LogIndex): void {
    this.#enter("probe");
    this.match = 0;
    this.next = lastIndex + 1;
    this.sentCommit = 0;
    this.recentActive = false;
    this.sendWanted = false;
    this.readAcknowledged = 0;
  }

  becomeProbe(): void {
    // A snapshot that was sent is where the follower's log goes on, if it arrived.
    const begin = this.state === "snapshot" ? this.pendingSnapshot : 0;
    this.#enter("probe");
    this.next = Math.max(this.match, begin) + 1;
    this.#lowerSentCommit();
  }

  becomeReplicate(): void {
    this.#enter("replicate");
    this.next = this.match + 1;
  }

  becomeSnapshot(index: LogIndex): void {
    this.#enter("snapshot");
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** A MsgApp with `entries` from `next` on has been sent. */
  sent(entries: readonly Entry[], commit: LogIndex): void {
    if (this.state === "snapshot") violated(`MsgApp to ${this.id} during its snapshot`);
    if (this.state === "probe") {
      this.#flowPaused = true;
    } else {
      if (entries.length > 0) {
        this.next += entries.length;
        const bytes = this.inflights.countsBytes ? payloadBytes(entries) : 0;
        this.inflights.add(this.next - 1, bytes);
      }
      this.#flowPaused = this.inflights.full;
    }
    if (commit > this.sentCommit) this.sentCommit = commit;
  }

  /** Whether telling `commit` now could raise the member's commit index. */
  canBumpCommit(commit: LogIndex): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The member holds the log up to `index`. @returns false for an outdated answer. */
  acknowledge(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    if (this.next <= index) this.next = index + 1;
    this.#flowPaused = false;
    return true;
  }

  /**
   * The member refused a MsgApp after position `rejected` and its log may match up to `hint`.
   * @returns false for an outdated answer: the network repeats and reorders.
   */
  refuse({ rejected, hint }: { readonly rejected: LogIndex; readonly hint: LogIndex }): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.#lowerSentCommit();
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.#lowerSentCommit();
    this.#flowPaused = false;
    return true;
  }

  pause(): void {
    this.#flowPaused = true;
  }

  resume(): void {
    this.#flowPaused = false;
  }

  #enter(state: FollowerState): void {
    this.state = state;
    this.#flowPaused = false;
    this.pendingSnapshot = 0;
    this.inflights.clear();
  }

  /** What was sent beyond `next` has probably not arrived. */
  #lowerSentCommit(): void {
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }
}
