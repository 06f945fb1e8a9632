import type { ApiError } from "@kvorum/api";
import { violated } from "@kvorum/base";
import type { AppliedResponse } from "./applied-response.js";

/** Waits for one proposal. Exactly one of the methods is called, once. */
export interface ProposalOwner {
  /** When it began to wait, on the host's clock, if it has noted that already. */
  readonly startMs?: number;
  applied(response: AppliedResponse): void;
  failed(error: ApiError): void;
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
  #slots: (ProposalOwner | undefined)[] = [];
  /** When each slot's owner began to wait: a list of plain numbers, no object a proposal. */
  #startsMs: number[] = [];
  /** Id of `#slots[0]`. */
  #firstId = 0;
  /** The core took the proposals up to this id; those above wait for a leader. */
  #acceptedTo = -1;
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param id above that of every proposal added before */
  add(id: number, owner: ProposalOwner, startMs: number): void {
    if (this.#size === 0) {
      this.#slots = [];
      this.#startsMs = [];
      this.#head = 0;
      this.#firstId = id;
    }
    const place = id - this.#firstId;
    if (place < this.#slots.length) violated(`proposal ids count up: ${id} comes late`);
    // Ids between two proposals were given to leases and reads.
    while (this.#slots.length < place) {
      this.#slots.push(undefined);
      this.#startsMs.push(startMs);
    }
    this.#slots.push(owner);
    this.#startsMs.push(startMs);
    this.#size++;
  }

  /** The core takes proposals in their order: it has all up to `id` now. */
  acceptedTo(id: number): void {
    this.#acceptedTo = id;
  }

  /** The owner of an applied proposal, or undefined when it is another member's or timed out. */
  take(id: number): ProposalOwner | undefined {
    const place = id - this.#firstId;
    const owner = this.#slots[place];
    if (owner !== undefined) this.#remove(place);
    return owner;
  }

  /** Removes every proposal that began before `startedBeforeMs` and hands it over. */
  expire(
    startedBeforeMs: number,
    onExpired: (owner: ProposalOwner, accepted: boolean, startMs: number) => void,
  ): void {
    for (;;) {
      const head = this.#head;
      const owner = this.#slots[head];
      const startMs = this.#startsMs[head];
      if (owner === undefined || startMs === undefined || startMs >= startedBeforeMs) return;
      const accepted = this.#firstId + head <= this.#acceptedTo;
      this.#remove(head);
      onExpired(owner, accepted, startMs);
    }
  }

  /** Fails all: the node stops. */
  failAll(makeError: () => ApiError): void {
    const all = this.#slots.slice(this.#head);
    this.#slots = [];
    this.#startsMs = [];
    this.#head = 0;
    this.#size = 0;
    for (const owner of all) owner?.failed(makeError());
  }

  #remove(place: number): void {
    this.#slots[place] = undefined;
    this.#size--;
    if (place !== this.#head) return;
    while (this.#head < this.#slots.length && this.#slots[this.#head] === undefined) this.#head++;
    if (this.#head < TRIM_SLOTS || this.#head * 2 < this.#slots.length) return;
    this.#slots = this.#slots.slice(this.#head);
    this.#startsMs = this.#startsMs.slice(this.#head);
    this.#firstId += this.#head;
    this.#head = 0;
  }
}
