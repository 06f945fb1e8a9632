import { ApiError, apiErrorText } from "@kvorum/api";
import {
  type Clock,
  type LeaseId,
  latin1ToBytes,
  type MainRevision,
  type MemberId,
  messageOf,
  rethrowInvariant,
} from "@kvorum/base";
import { refuse } from "../auth/auth-applier.js";
import type { OpenedStore } from "../boot/open-store.js";
import type { Consensus } from "../consensus/consensus.js";
import { renewLease } from "../lease/renew-lease.js";
import type {
  DowngradeAnswer,
  HashKvAnswer,
  LeaseKeepAliveAnswer,
  LeaseTimeToLiveAnswer,
  PeerQueries,
  PeerVersions,
  PromoteAnswer,
} from "../peer/peer-host.js";
import type { Cluster } from "./cluster.js";
import type { Member } from "./member.js";
import type { Membership } from "./membership-service.js";

export interface PeerAnswersOptions {
  readonly opened: OpenedStore;
  readonly cluster: Cluster;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly membership: () => Membership;
  readonly storageVersion: () => string;
}

/** What this member answers to the questions of the others. */
export class PeerAnswers implements PeerQueries {
  readonly #options: PeerAnswersOptions;

  constructor(options: PeerAnswersOptions) {
    this.#options = options;
  }

  members(): readonly Member[] {
    return this.#options.cluster.members();
  }

  async promote(id: MemberId, token: string | undefined): Promise<PromoteAnswer> {
    try {
      const { consensus, clock } = this.#options;
      const deadlineMs = clock.nowMs() + consensus.requestTimeoutMs;
      const caller = {
        get cancelled() {
          return clock.nowMs() >= deadlineMs;
        },
      };
      const { auth } = this.#options.opened;
      const who = token === undefined ? undefined : await auth.holderOf(token, caller);
      refuse(auth.adminRefusal(who));
      const members = await this.#options.membership().promoteHere(id, caller);
      return { kind: "promoted", members };
    } catch (error) {
      switch (error instanceof ApiError ? error.message : "") {
        case apiErrorText("memberNotFound"):
          return { kind: "unknown-member" };
        case apiErrorText("memberNotLearner"):
          return { kind: "not-a-learner" };
        case apiErrorText("learnerNotReady"):
          return { kind: "learner-not-ready" };
        default:
          return failed(error);
      }
    }
  }

  async hashKv(revision: MainRevision): Promise<HashKvAnswer> {
    try {
      return { kind: "hash", ...(await this.#options.opened.store.hashKv(revision)) };
    } catch (error) {
      switch (error instanceof ApiError ? error.message : "") {
        case apiErrorText("compacted"):
          return { kind: "compacted" };
        case apiErrorText("futureRevision"):
          return { kind: "future-revision" };
        default:
          return failed(error);
      }
    }
  }

  leaseKeepAlive(id: LeaseId): Promise<LeaseKeepAliveAnswer> {
    return new Promise((resolve) => {
      const { opened, consensus } = this.#options;
      renewLease({ opened, proposer: consensus.proposer }, id, (outcome) => {
        if (outcome === "leaseNotFound") resolve({ kind: "not-found" });
        else if (outcome === "notPrimaryLessor") resolve({ kind: "not-primary" });
        else resolve({ kind: "renewed", ttlSeconds: outcome });
      });
    });
  }

  async leaseTimeToLive(id: LeaseId, withKeys: boolean): Promise<LeaseTimeToLiveAnswer> {
    const { lessor } = this.#options.opened;
    if (!lessor.isPrimary) return { kind: "not-primary" };
    const found = lessor.timeToLive(id);
    if (found === undefined) return { kind: "not-found" };
    return { kind: "found", ...found, keys: withKeys ? found.keys.map(latin1ToBytes) : [] };
  }

  downgradeEnabled(): Promise<DowngradeAnswer> {
    const { consensus, cluster } = this.#options;
    return new Promise((resolve) => {
      consensus.reads.wait({
        ready: () => resolve({ kind: "known", enabled: cluster.downgrade.enabled }),
        failed: (error) => resolve(failed(error)),
      });
    });
  }

  version(): PeerVersions {
    const { cluster, storageVersion } = this.#options;
    const storage = storageVersion();
    return {
      cluster: cluster.version === "" ? undefined : cluster.version,
      storage: storage === "" ? undefined : storage,
    };
  }
}

function failed(error: unknown): { readonly kind: "failed"; readonly reason: string } {
  rethrowInvariant(error);
  return { kind: "failed", reason: messageOf(error) };
}
