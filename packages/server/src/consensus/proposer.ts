// Step 5 of the write path: propose.
import {
  type ApiErrorName,
  apiError,
  encodeProposal,
  type ProposalField,
  type ProposalUser,
} from "@kvorum/api";
import type { Clock } from "@kvorum/base";
import { Slab } from "@kvorum/mvcc";
import type { RawNode } from "@kvorum/raft";
import { serverLimits } from "../limits.js";
import { PendingProposals, type ProposalOwner } from "./pending-proposals.js";
import type { ProposalIds } from "./proposal-ids.js";

export interface ProposerOptions {
  readonly node: RawNode;
  readonly ids: ProposalIds;
  readonly clock: Clock;
  /** --max-request-bytes: bound of one encoded entry */
  readonly requestBytesMax: number;
  /** 5 s + 2 election time-outs */
  readonly requestTimeoutMs: number;
  /** Why what was proposed at `startMs` may not have been applied in time; absent: unknown. */
  readonly timeoutCause?: (startMs: number) => ApiErrorName;
  /** Asks the Ready loop for a turn. */
  readonly wake: () => void;
}

/** What the metrics page shows. */
export interface ProposerStat {
  pending: number;
  failed: number;
}

/**
 * Turns requests into entries. Proposals made in one turn of the event loop go to the core, and so
 * to the WAL, together; `flush` is called by the Ready loop once a turn.
 *
 * Without a leader a proposal waits here; after the time-out it fails with "context deadline
 * exceeded" when it was never accepted, and with "request timed out" and the presumed cause when it
 * was.
 */
export class Proposer {
  readonly #options: ProposerOptions;
  readonly #pending = new PendingProposals();
  /** Entries leave the log in their order, so they share memory. */
  readonly #memory = new Slab();
  #queuedIds: number[] = [];
  #queuedData: Uint8Array[] = [];
  #queuedBytes = 0;
  #failed = 0;
  #stopped = false;

  constructor(options: ProposerOptions) {
    this.#options = options;
  }

  stat(): ProposerStat {
    return { pending: this.#pending.size, failed: this.#failed };
  }

  /**
   * Proposes a client's request by its own wire bytes, which are copied into the entry.
   * @param user on whose behalf, with authentication on
   * @throws ApiError tooManyRequests | requestTooLarge | stopped; the owner is then not called
   */
  propose(
    field: ProposalField,
    request: Uint8Array,
    owner: ProposalOwner,
    user?: ProposalUser,
  ): void {
    const { ids } = this.#options;
    const low = ids.nextLow();
    const data = encodeProposal(this.#memory, { high: ids.high, low }, field, request, user);
    this.proposeEncoded(low, data, owner);
  }

  /** Proposes an encoded InternalRaftRequest whose header id has `low` as its low 48 bits. */
  proposeEncoded(low: number, data: Uint8Array, owner: ProposalOwner): void {
    const { node, requestBytesMax, clock, wake } = this.#options;
    if (this.#stopped) throw apiError("stopped");
    if (
      node.committedIndex > node.appliedIndex + serverLimits.applyGapEntriesMax ||
      this.#queuedIds.length >= serverLimits.proposalsWaitingMax ||
      this.#queuedBytes >= serverLimits.proposalsQueuedBytesMax
    ) {
      throw apiError("tooManyRequests");
    }
    if (data.length > requestBytesMax) throw apiError("requestTooLarge");
    this.#pending.add(low, owner, owner.startMs ?? clock.nowMs());
    this.#queuedIds.push(low);
    this.#queuedData.push(data);
    this.#queuedBytes += data.length;
    wake();
  }

  /** Hands what is queued to the core; keeps it when there is no leader yet. */
  flush(): void {
    if (this.#queuedIds.length === 0) return;
    const { node } = this.#options;
    if (node.leader === 0n) return;
    const ids = this.#queuedIds;
    const data = this.#queuedData;
    const result = node.propose(data);
    if (!result.ok && result.reason === "no-leader") return;
    this.#queuedIds = [];
    this.#queuedData = [];
    this.#queuedBytes = 0;
    if (result.ok) this.#pending.acceptedTo(ids[ids.length - 1]!);
    else for (const id of ids) this.#drop(id);
  }

  /** Bytes waiting to be handed to the core. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** The owner that waits for an applied entry with this id on this member. */
  take(high: number, low: number): ProposalOwner | undefined {
    return high === this.#options.ids.high ? this.#pending.take(low) : undefined;
  }

  /** Fails what has waited too long; called every `timeoutCheckMs`. */
  expire(): void {
    const { clock, requestTimeoutMs, timeoutCause = () => "timeout" as const } = this.#options;
    let neverAccepted = 0;
    this.#pending.expire(clock.nowMs() - requestTimeoutMs, (owner, accepted, startMs) => {
      this.#failed++;
      if (!accepted) neverAccepted++;
      owner.failed(apiError(accepted ? timeoutCause(startMs) : "deadlineExceeded"));
    });
    // Those stand at the head of the queue, and what a client was told is over is not proposed.
    this.#queuedIds.splice(0, neverAccepted);
    for (const data of this.#queuedData.splice(0, neverAccepted)) this.#queuedBytes -= data.length;
  }

  /** Every waiting proposal fails with "server stopped", and so does each later one. */
  stop(): void {
    this.#stopped = true;
    this.#pending.failAll(() => apiError("stopped"));
  }

  #drop(id: number): void {
    const owner = this.#pending.take(id);
    if (owner === undefined) return;
    this.#failed++;
    owner.failed(apiError("proposalDropped"));
  }
}
