import type { ApiErrorName } from "@kvorum/api";
import type { Clock, MemberId } from "@kvorum/base";
import type { RawNode } from "@kvorum/raft";

export interface TimeoutCauseOptions {
  readonly node: Pick<RawNode, "id" | "leader">;
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  /** Since when another member has been connected, on the clock's `nowMs`; undefined: it isn't. */
  readonly connectedSinceMs: (id: MemberId) => number | undefined;
  /** All members, learners and this one included. */
  readonly members: () => readonly MemberId[];
}

/**
 * Guesses why a proposal was not applied in time, for the text that its client gets.
 *
 * ```
 *  the leader was lost      this member was elected
 *  ----|--------------------------|--------------------> time
 *      <- 2 election time-outs -->  connections tell the rest
 *        "previous leader failure"
 * ```
 * Source: etcd's parseProposeCtxErr.
 */
export class TimeoutCause {
  readonly #options: TimeoutCauseOptions;
  #leader: MemberId = 0n;
  /** When this member was last elected. A follower doesn't note the elections of others, as in etcd. */
  #electedMs = Number.NEGATIVE_INFINITY;

  constructor(options: TimeoutCauseOptions) {
    this.#options = options;
  }

  /** @param leader 0 while there is none */
  leaderIs(leader: MemberId): void {
    const { node, clock } = this.#options;
    if (leader === node.id && leader !== this.#leader) this.#electedMs = clock.nowMs();
    this.#leader = leader;
  }

  /** The error for a proposal that was made at `startMs` and accepted by the core. */
  of(startMs: number): ApiErrorName {
    const lostMs = this.#electedMs - 2 * this.#options.electionTimeoutMs;
    if (startMs > lostMs && startMs < this.#electedMs) return "timeoutLeaderFailed";
    const { leader, id } = this.#options.node;
    if (leader === 0n) return "timeout";
    const isConnected =
      leader === id ? this.#hasQuorumSince(startMs) : this.#isConnectedSince(leader, startMs);
    return isConnected ? "timeout" : "timeoutConnectionLost";
  }

  #hasQuorumSince(startMs: number): boolean {
    const { members, node } = this.#options;
    const all = members();
    const connected = all.filter((id) => id === node.id || this.#isConnectedSince(id, startMs));
    return connected.length >= Math.floor(all.length / 2) + 1;
  }

  #isConnectedSince(id: MemberId, startMs: number): boolean {
    const sinceMs = this.#options.connectedSinceMs(id);
    return sinceMs !== undefined && sinceMs < startMs;
  }
}
