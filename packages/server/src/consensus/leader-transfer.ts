import { apiError } from "@kvorum/api";
import { type Clock, type MemberId, rethrowInvariant } from "@kvorum/base";
import type { Cluster } from "../membership/cluster.js";
import type { Peers } from "../membership/peers.js";
import type { Logger } from "../observe/logger.js";
import type { Consensus } from "./consensus.js";

/** How often the outcome is looked at. */
const CHECK_MS = 10;

export interface LeaderTransferOptions {
  readonly consensus: Consensus;
  readonly cluster: Cluster;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A transfer that takes longer has failed: the core gives it up then. */
  readonly electionTimeoutMs: number;
}

/** Hands leadership from this member to another. */
export class LeaderTransfer {
  readonly #options: LeaderTransferOptions;

  constructor(options: LeaderTransferOptions) {
    this.#options = options;
  }

  /**
   * Resolves when `target` leads.
   * @throws ApiError notLeader | badLeaderTransferee | timeoutLeaderTransfer
   */
  async moveTo(target: MemberId): Promise<void> {
    const { consensus, cluster, clock, electionTimeoutMs } = this.#options;
    const { node } = consensus;
    if (!node.isLeader) throw apiError("notLeader");
    const member = cluster.member(target);
    if (member === undefined || member.isLearner) throw apiError("badLeaderTransferee");
    const deadlineMs = clock.nowMs() + electionTimeoutMs;
    node.transferLeader(target);
    consensus.wake();
    while (node.leader !== target) {
      if (clock.nowMs() >= deadlineMs) throw apiError("timeoutLeaderTransfer");
      await new Promise<void>((resolve) => {
        clock.after(CHECK_MS, resolve);
      });
    }
  }

  /** Before this member stops: to the voter that has been connected longest, if it leads at all. */
  async handOver(): Promise<void> {
    const { consensus, cluster, peers, logger } = this.#options;
    if (!consensus.node.isLeader) return;
    let target: MemberId | undefined;
    let longestSinceMs = Number.POSITIVE_INFINITY;
    for (const { id } of cluster.voters()) {
      const sinceMs = peers.connectedSinceMs(id);
      if (sinceMs === undefined || sinceMs >= longestSinceMs) continue;
      target = id;
      longestSinceMs = sinceMs;
    }
    if (target === undefined) return;
    await this.moveTo(target).catch((error: unknown) => {
      rethrowInvariant(error);
      logger.warn("leadership transfer failed", { error: String(error) });
    });
  }
}
