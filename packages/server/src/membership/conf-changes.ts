import { type ApiErrorName, apiError } from "@kvorum/api";
import type { Clock, Timer } from "@kvorum/base";
import type { ConfChange, RawNode } from "@kvorum/raft";
import type { ProposalIds } from "../consensus/proposal-ids.js";
import { serverLimits } from "../limits.js";
import type { ConfChangeOutcome } from "./conf-change-applier.js";

/** Who waits for a change; a gRPC call is one. */
export interface Caller {
  /** Nobody waits any more: a change that was not proposed yet never will be. */
  readonly cancelled: boolean;
  /** What the caller sent along, the auth token among it. */
  readonly metadata?: { get(name: string): string | undefined };
}

export interface ConfChangesOptions {
  readonly node: Pick<RawNode, "leader" | "isLeader" | "proposeConfChange">;
  readonly ids: ProposalIds;
  readonly clock: Clock;
  /** How long a change that was handed over may be silent before it is proposed again. */
  readonly timeoutMs: number;
  readonly wake: () => void;
}

interface Waiting {
  readonly change: ConfChange;
  readonly check: () => ApiErrorName | undefined;
  readonly caller: Caller;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** It is in this member's own log, as the leader's. */
  isInLog: boolean;
  /** When it is proposed again, on the clock's `nowMs`; 0 before the core took it. */
  againMs: number;
}

/** How often what waits is looked at. */
const RETRY_MS = 100;

/** Long enough that a proposal on its way to the leader has arrived there. */
const AFTER_LOSS_MS = 250;

/**
 * Conf changes that this member's clients ask for. Each waits until it is applied here, without a
 * time-out of its own: the caller's deadline decides, and what was proposed may still happen.
 *
 * ```
 *            checked            taken                      applied
 *   asked -----------> waiting --------> on its way --------------------> answered
 *             ^                              |
 *             +------------------------------+
 *               dropped by the leader, lost with it, or silent for too long
 * ```
 *
 * One change of this member is on its way at a time. The leader, too, takes one at a time: what comes
 * right behind another member's becomes an empty entry, and in etcd its caller waits in vain. Here
 * it is proposed again, after the checks have been made anew, as the change before may have made it
 * one that must be refused. Should the first proposal turn up after all, it is refused when it is
 * applied, like any second change of the same kind.
 */
export class ConfChanges {
  readonly #options: ConfChangesOptions;
  readonly #waiting = new Map<bigint, Waiting>();
  #timer: Timer | undefined;

  constructor(options: ConfChangesOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the change is applied.
   * @param check why the change must not be made now, if so; asked before each proposal
   * @throws ApiError what `check` said, why the change was refused when applied, "stopped", or
   *   "tooManyRequests"
   */
  propose(
    change: Omit<ConfChange, "id">,
    { check, caller }: { readonly check: () => ApiErrorName | undefined; readonly caller: Caller },
  ): Promise<void> {
    const refusal = check();
    if (refusal !== undefined) return Promise.reject(apiError(refusal));
    if (this.#waiting.size >= serverLimits.confChangesWaitingMax) {
      return Promise.reject(apiError("tooManyRequests"));
    }
    const id = this.#options.ids.next();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        change: { ...change, id },
        check,
        caller,
        resolve,
        reject,
        isInLog: false,
        againMs: 0,
      };
      this.#waiting.set(id, waiting);
      this.#timer ??= this.#options.clock.every(RETRY_MS, () => this.retry());
      if (!this.#isOneOnItsWay()) this.#offer(waiting);
    });
  }

  /** Offers what waits to the core: called when a leader appears and when entries were applied. */
  retry(): void {
    if (this.#waiting.size === 0) return;
    for (const [id, { caller }] of this.#waiting) {
      if (caller.cancelled) this.#settle(id, "timeout");
    }
    for (const [id, waiting] of this.#waiting) {
      if (this.#isOneOnItsWay()) return;
      this.#offerAgain(id, waiting);
    }
  }

  /** A conf change was applied, this member's or another's. */
  applied(id: bigint, outcome: ConfChangeOutcome): void {
    this.#settle(id, outcome.ok ? undefined : outcome.error);
  }

  /**
   * An empty entry was applied.
   * @param opensTerm the first of a new leader: what older ones did not commit is lost. Otherwise
   *   it stands where the leader dropped a conf change, perhaps one of this member's.
   */
  emptyEntry({ opensTerm }: { readonly opensTerm: boolean }): void {
    const againMs = this.#options.clock.nowMs() + AFTER_LOSS_MS;
    for (const waiting of this.#waiting.values()) {
      if (waiting.isInLog && !opensTerm) continue;
      waiting.isInLog = false;
      waiting.againMs = Math.min(waiting.againMs, againMs);
    }
  }

  stop(): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id, "stopped");
  }

  #isOneOnItsWay(): boolean {
    const nowMs = this.#options.clock.nowMs();
    for (const { againMs } of this.#waiting.values()) if (nowMs < againMs) return true;
    return false;
  }

  #offerAgain(id: bigint, waiting: Waiting): void {
    const refusal = waiting.check();
    if (refusal === undefined) this.#offer(waiting);
    else this.#settle(id, refusal);
  }

  #offer(waiting: Waiting): void {
    const { node, clock, timeoutMs, wake } = this.#options;
    if (node.leader === 0n || !node.proposeConfChange(waiting.change).ok) return;
    waiting.isInLog = node.isLeader;
    waiting.againMs = clock.nowMs() + timeoutMs;
    wake();
  }

  #settle(id: bigint, error: ApiErrorName | undefined): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) {
      this.#timer?.clear();
      this.#timer = undefined;
    }
    if (error === undefined) waiting.resolve();
    else waiting.reject(apiError(error));
  }
}
