import type { LogIndex } from "@kvorum/base";
import { raftLimits } from "./limits.js";
import type { Message } from "./types.js";

/** A read that waits until a quorum confirms that this member was the leader when it arrived. */
export interface WaitingRead {
  readonly request: Message;
  /** The commit index when the request arrived. */
  readonly index: LogIndex;
}

/**
 * The read requests of one term, in order. Each has a position, from 1; a heartbeat carries the
 * newest position, and its acknowledgement confirms every read up to there.
 *
 * ```
 *   1 ....... confirmed ....... issued
 *   answered            waiting
 * ```
 */
export class ReadQueue {
  #confirmed = 0;
  #waiting: WaitingRead[] = [];
  /** Requests before the leader has committed an entry of its own term. */
  #postponed: Message[] = [];

  /** Position of the newest request. */
  get issued(): number {
    return this.#confirmed + this.#waiting.length;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get isFull(): boolean {
    return this.#waiting.length + this.#postponed.length >= raftLimits.pendingReadsMax;
  }

  postpone(request: Message): void {
    this.#postponed.push(request);
  }

  takePostponed(): readonly Message[] {
    const postponed = this.#postponed;
    if (postponed.length > 0) this.#postponed = [];
    return postponed;
  }

  add(read: WaitingRead): void {
    this.#waiting.push(read);
  }

  /** @returns the reads answered by a quorum that confirmed `position`. */
  confirm(position: number): readonly WaitingRead[] {
    const count = Math.min(position, this.issued) - this.#confirmed;
    if (count <= 0) return [];
    this.#confirmed += count;
    const answered = this.#waiting;
    this.#waiting = answered.splice(count);
    return answered;
  }

  clear(): void {
    this.#confirmed = 0;
    this.#waiting = [];
    this.#postponed = [];
  }
}
