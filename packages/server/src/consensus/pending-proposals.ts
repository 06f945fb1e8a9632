import type { ApiError } from "@kvorum/api";
import { violated } from "@kvorum/base";
import type { AppliedResponse } from "./applied-response.js";

/** Waits for one proposal. Exactly one of the methods is called, once. */
export interface ProposalOwner {
  applied(response: AppliedResponse): void;
  failed(error: ApiError): void;
}

interface Pending {
  readonly owner: ProposalOwner;
  readonly startMs: number;
  /** The core took the proposal; before that it waits for a leader. */
  accepted: boolean;
}

/** Slots before the oldest proposal are given back in pieces of this many. */
const TRIM_SLOTS = 4_096;

/**
 * The proposals of this member that are on their way, by the low 48 bits of their id. Ids count up,
 * so a proposal's place is its id's distance from the first slot: no hashing on the hot path.
 *
 * ```
 *  slots:  [ taken, taken, pending, taken, pending, pending ]
 *                          ^ head: the oldest
 * ```
 * All have the same time-out, so expiry looks at the oldest only: no timer each.
 */
export class PendingProposals {
  #slots: (Pending | undefined)[] = [];
  /** Id of `#slots[0]`. */
  #firstId = 0;
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param id above that of every proposal added before */
  add(id: number, owner: ProposalOwner, startMs: number): void {
    if (this.#size === 0) {
      this.#slots = [];
      this.#head = 0;
      this.#firstId = id;
    }
    const place = id - this.#firstId;
    if (place < this.#slots.length) violated(`proposal ids count up: ${id} comes late`);
    // Ids between two proposals were given to leases and reads.
    while (this.#slots.length < place) this.#slots.push(undefined);
    this.#slots.push({ owner, startMs, accepted: false });
    this.#size++;
  }

  accepted(id: number): void {
    const pending = this.#slots[id - this.#firstId];
    if (pending !== undefined) pending.accepted = true;
  }

  /** The owner of an applied proposal, or undefined when it is another member's or timed out. */
  take(id: number): ProposalOwner | undefined {
    const place = id - this.#firstId;
    const pending = this.#slots[place];
    if (pending === undefined) return undefined;
    this.#remove(place);
    return pending.owner;
  }

  /** Removes every proposal that began before `startedBeforeMs` and hands it over. */
  expire(
    startedBeforeMs: number,
    onExpired: (owner: ProposalOwner, accepted: boolean, startMs: number) => void,
  ): void {
    for (;;) {
      const pending = this.#slots[this.#head];
      if (pending === undefined || pending.startMs >= startedBeforeMs) return;
      this.#remove(this.#head);
      onExpired(pending.owner, pending.accepted, pending.startMs);
    }
  }

  /** Fails all: the node stops. */
  failAll(makeError: () => ApiError): void {
    const all = this.#slots.slice(this.#head);
    this.#slots = [];
    this.#head = 0;
    this.#size = 0;
    for (const pending of all) pending?.owner.failed(makeError());
  }

  #remove(place: number): void {
    this.#slots[place] = undefined;
    this.#size--;
    if (place !== this.#head) return;
    while (this.#head < this.#slots.length && this.#slots[this.#head] === undefined) this.#head++;
    if (this.#head < TRIM_SLOTS || this.#head * 2 < this.#slots.length) return;
    this.#slots = this.#slots.slice(this.#head);
    this.#firstId += this.#head;
    this.#head = 0;
  }
}
