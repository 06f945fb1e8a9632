import type { ApiError } from "@kvorum/api";
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

/**
 * The proposals of this member that are on their way, by the low 48 bits of their id. All have the
 * same time-out and a Map keeps insertion order, so expiry looks at the oldest only: no timer each.
 */
export class PendingProposals {
  readonly #pending = new Map<number, Pending>();

  get size(): number {
    return this.#pending.size;
  }

  add(id: number, owner: ProposalOwner, startMs: number): void {
    this.#pending.set(id, { owner, startMs, accepted: false });
  }

  accepted(id: number): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) pending.accepted = true;
  }

  /** The owner of an applied proposal, or undefined when it is another member's or timed out. */
  take(id: number): ProposalOwner | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    return pending.owner;
  }

  /** Removes every proposal that began before `deadlineMs` and hands it over. */
  expire(
    startedBeforeMs: number,
    onExpired: (owner: ProposalOwner, accepted: boolean, startMs: number) => void,
  ): void {
    for (const [id, pending] of this.#pending) {
      if (pending.startMs >= startedBeforeMs) return;
      this.#pending.delete(id);
      onExpired(pending.owner, pending.accepted, pending.startMs);
    }
  }

  /** Fails all: the node stops. */
  failAll(makeError: () => ApiError): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) pending.owner.failed(makeError());
  }
}
