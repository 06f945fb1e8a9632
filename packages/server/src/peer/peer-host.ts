import type { LeaseId, MainRevision, MemberId } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import type { Member } from "../membership/member.js";

/**
 * What a member does for the others, as its transport sees it. Methods that return a promise answer
 * refusals in their result; a rejected promise is answered with 500.
 */
export interface PeerHost extends PeerQueries {
  /** Takes a message of another member into raft. Addressed to this member, not of a removed one. */
  step(message: Message): void;
  isRemoved(id: MemberId): boolean;
  /** A message to `id` was lost, so raft should probe before it sends more. */
  reportUnreachable(id: MemberId): void;
  /** Once for each snapshot given to the transport. */
  reportSnapshot(id: MemberId, arrived: boolean): void;
  /**
   * Saves a leader's db file; resolves once it is durable. The transport then steps `message`.
   * @param db the file's bytes as they arrive; ends early with an error when the sender goes away
   */
  receiveSnapshot(message: Message, db: AsyncIterable<Buffer>): Promise<void>;
  /** Another member says that this one was removed from the cluster for good. May come repeatedly. */
  onRemoved(): void;
}

/** What others may ask besides raft, each a page of the peer port. */
export interface PeerQueries {
  /** Sorted by id. */
  members(): readonly Member[];
  /** @param token of the user who asked for it; undefined without one */
  promote(id: MemberId, token: string | undefined): Promise<PromoteAnswer>;
  /** @param revision 0 means the latest */
  hashKv(revision: MainRevision): Promise<HashKvAnswer>;
  /** Waits up to a second for entries known to be committed, then renews. */
  leaseKeepAlive(id: LeaseId): Promise<LeaseKeepAliveAnswer>;
  leaseTimeToLive(id: LeaseId, withKeys: boolean): Promise<LeaseTimeToLiveAnswer>;
  /** After a linearizable read. */
  downgradeEnabled(): Promise<DowngradeAnswer>;
  version(): PeerVersions;
}

export type PromoteAnswer =
  | { readonly kind: "promoted"; readonly members: readonly Member[] }
  | { readonly kind: "unknown-member" | "not-a-learner" | "learner-not-ready" }
  /** Logged; the caller is told nothing. */
  | { readonly kind: "failed"; readonly reason: string };

export type HashKvAnswer =
  | {
      readonly kind: "hash";
      /** Of the store when it was hashed. */
      readonly currentRevision: MainRevision;
      /** Unsigned, 32 bits. */
      readonly hash: number;
      /** -1 when nothing was compacted. */
      readonly compactRevision: MainRevision;
      /** Up to which the hash goes. */
      readonly hashRevision: MainRevision;
    }
  | { readonly kind: "compacted" | "future-revision" }
  | { readonly kind: "failed"; readonly reason: string };

export type LeaseRefusal = {
  readonly kind: "not-found" | "not-primary" | "timed-out";
};

export type LeaseKeepAliveAnswer =
  | { readonly kind: "renewed"; readonly ttlSeconds: number }
  | LeaseRefusal;

export type LeaseTimeToLiveAnswer =
  | {
      readonly kind: "found";
      /** What is left, rounded down. */
      readonly ttlSeconds: number;
      readonly grantedTtlSeconds: number;
      /** Empty unless they were asked for. */
      readonly keys: readonly Uint8Array[];
    }
  | LeaseRefusal;

export type DowngradeAnswer =
  | { readonly kind: "known"; readonly enabled: boolean }
  | { readonly kind: "failed"; readonly reason: string };

/** "X.Y.Z"; undefined while undecided. */
export interface PeerVersions {
  readonly cluster: string | undefined;
  readonly storage: string | undefined;
}
