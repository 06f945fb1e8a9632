import { ApiError, etcdserverpb, ProposalField } from "@kvorum/api";
import type { Clock, LeaseId, Timer } from "@kvorum/base";
import type { OpenedStore } from "../boot/open-store.js";
import type { ProposalOwner } from "../consensus/pending-proposals.js";
import type { Proposer } from "../consensus/proposer.js";
import { serverLimits } from "../limits.js";

/**
 * Revokes expired leases: the leader looks every 500 ms and proposes a revocation for each, a few at
 * a time. One that fails (no quorum, say) is found expired again and retried.
 */
export class LeaseExpirer {
  readonly #opened: OpenedStore;
  readonly #proposer: Proposer;
  readonly #isLeader: () => boolean;
  readonly #timer: Timer;
  readonly #revoking = new Set<LeaseId>();
  /** Revocations that were applied, for the metrics. */
  expired = 0;

  constructor(options: {
    readonly opened: OpenedStore;
    readonly proposer: Proposer;
    readonly clock: Clock;
    readonly isLeader: () => boolean;
  }) {
    this.#opened = options.opened;
    this.#proposer = options.proposer;
    this.#isLeader = options.isLeader;
    this.#timer = options.clock.every(serverLimits.leaseExpiryCheckMs, () => this.#look());
  }

  stop(): void {
    this.#timer.clear();
  }

  #look(): void {
    if (!this.#isLeader()) return;
    // What is named here is not named again for some seconds, so no more is asked for than can begin.
    const free = serverLimits.leaseRevokesPendingMax - this.#revoking.size;
    if (free <= 0) return;
    for (const id of this.#opened.lessor.expired(free)) {
      if (!this.#revoking.has(id)) this.#revoke(id);
    }
  }

  #revoke(id: LeaseId): void {
    this.#revoking.add(id);
    const request = etcdserverpb.LeaseRevokeRequest.encode({ ID: id }).finish();
    const done = () => {
      this.#revoking.delete(id);
    };
    try {
      const owner: ProposalOwner = {
        applied: () => {
          this.expired++;
          done();
          // A slot is free: a burst of expiries is worked off without waiting for the next look.
          this.#look();
        },
        failed: done,
      };
      const root = this.#opened.auth.rootInfo();
      this.#proposer.propose(ProposalField.leaseRevoke, request, owner, root);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The node is stopping or overloaded; the lease stays expired and the next look retries.
      done();
    }
  }
}
