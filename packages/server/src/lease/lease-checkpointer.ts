import { ApiError, etcdserverpb, ProposalField } from "@kvorum/api";
import type { Clock, Timer } from "@kvorum/base";
import type { OpenedStore } from "../boot/open-store.js";
import type { Proposer } from "../consensus/proposer.js";
import { serverLimits } from "../limits.js";

/**
 * Feature LeaseCheckpoint: the leader notes in the log what remains of long leases, so that they
 * don't begin anew when another member comes to lead. The lessor knows which are due; one whose
 * proposal fails is noted again an interval later.
 */
export class LeaseCheckpointer {
  readonly #opened: OpenedStore;
  readonly #proposer: Proposer;
  readonly #timer: Timer;
  /** One proposal at a time. */
  #isProposed = false;

  constructor(options: {
    readonly opened: OpenedStore;
    readonly proposer: Proposer;
    readonly clock: Clock;
  }) {
    this.#opened = options.opened;
    this.#proposer = options.proposer;
    this.#timer = options.clock.every(serverLimits.leaseExpiryCheckMs, () => this.#look());
  }

  stop(): void {
    this.#timer.clear();
  }

  #look(): void {
    if (this.#isProposed) return;
    const due = this.#opened.lessor.dueCheckpoints();
    if (due.length === 0) return;
    const checkpoints = due.map(({ id, remainingSeconds }) => ({
      ID: id,
      remainingTTL: remainingSeconds,
    }));
    const request = etcdserverpb.LeaseCheckpointRequest.encode({ checkpoints }).finish();
    this.#isProposed = true;
    const failed = () => {
      this.#isProposed = false;
    };
    const applied = () => {
      this.#isProposed = false;
      // More than fit into one proposal may be due.
      this.#look();
    };
    try {
      this.#proposer.propose(ProposalField.leaseCheckpoint, request, { applied, failed });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Overloaded or stopping.
      failed();
    }
  }
}
