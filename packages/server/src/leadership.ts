import type { MemberId } from "@kvorum/base";
import type { SoftState } from "@kvorum/raft";
import type { OpenedStore } from "./boot/open-store.js";
import type { Consensus } from "./consensus/consensus.js";
import type { MembershipParts } from "./membership/wire-membership.js";

export interface LeadershipOptions {
  readonly opened: OpenedStore;
  /** How long a new leader lets every lease live at least, so that its clients can find it. */
  readonly electionTimeoutMs: number;
  /** Both are wired after this. */
  readonly consensus: () => Consensus;
  readonly membership: () => MembershipParts;
}

/** What follows on this member when the cluster's leader changes, and when it leads itself. */
export class Leadership {
  readonly #options: LeadershipOptions;
  #leader: MemberId = 0n;
  /** Leaders seen since the start. */
  changes = 0;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  /** The core's role or its leader is another. */
  softStateChanged({ role, leader }: SoftState): void {
    const { opened, consensus, membership } = this.#options;
    if (role !== "leader") opened.lessor.demote();
    if (leader !== this.#leader) {
      this.#leader = leader;
      membership().changes.retry();
      // Reads outlast the loss of a leader, and fail when there is another. Source: etcd.
      if (leader !== 0n) {
        this.changes++;
        consensus().reads.leaderChanged();
      }
    }
    consensus().wake();
  }

  /** The first entry of a term was applied: from it on the term's leader owns the leases. */
  termBegan(): void {
    const { opened, electionTimeoutMs, consensus, membership } = this.#options;
    if (!consensus().node.isLeader) return;
    opened.lessor.promote(electionTimeoutMs);
    membership().versions.look();
  }
}
