import { type ApiErrorName, apiError } from "@kvorum/api";
import type { ConfChange, RawNode } from "@kvorum/raft";
import type { ProposalIds } from "../consensus/proposal-ids.js";
import type { ConfChangeOutcome } from "./conf-change-applier.js";

interface Waiting {
  readonly change: ConfChange;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** The core took it; before that it waits for a leader. */
  isAccepted: boolean;
}

/**
 * Conf changes that this member has proposed. Each waits until it is applied here, without a
 * time-out of its own: the caller's deadline decides, and what was proposed may still happen.
 */
export class ConfChanges {
  readonly #node: RawNode;
  readonly #ids: ProposalIds;
  readonly #wake: () => void;
  readonly #waiting = new Map<bigint, Waiting>();

  constructor(options: {
    readonly node: RawNode;
    readonly ids: ProposalIds;
    readonly wake: () => void;
  }) {
    this.#node = options.node;
    this.#ids = options.ids;
    this.#wake = options.wake;
  }

  /** Resolves when the change is applied. @throws ApiError why it was refused, or "stopped" */
  propose(change: Omit<ConfChange, "id">): Promise<void> {
    const id = this.#ids.next();
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { change: { ...change, id }, resolve, reject, isAccepted: false });
      this.retry();
    });
  }

  /** Hands what the core did not take yet to it again; called when a leader appears and each tick. */
  retry(): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.isAccepted || this.#node.leader === 0n) continue;
      waiting.isAccepted = this.#node.proposeConfChange(waiting.change).ok;
      this.#wake();
    }
  }

  /** A conf change was applied, this member's or another's. */
  applied(id: bigint, outcome: ConfChangeOutcome): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (outcome.ok) waiting.resolve();
    else waiting.reject(apiError(outcome.error));
  }

  stop(): void {
    this.#fail("stopped");
  }

  #fail(error: ApiErrorName): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(apiError(error));
  }
}
