import type { LeaseId, MemberId } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import type { Member } from "./member.js";

/** What is left of a lease, as its primary says. */
export interface RemoteLeaseStatus {
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Attached keys; empty when they were not asked for. */
  readonly keys: readonly Uint8Array[];
}

/** The other members, as the rest of a member sees them. `PeerLink` implements it. */
export interface Peers {
  /** Never blocks; what can't be sent is dropped and reported to the core. */
  send(messages: readonly Message[]): void;
  /** A snapshot is on its way to a member, or has just arrived: it needs the log behind it. */
  needsLog(): boolean;
  /** Since when a member has been connected, on the clock's `nowMs`; undefined: it isn't. */
  connectedSinceMs(id: MemberId): number | undefined;
  /** Takes up the members as they are now: new ones are dialed, removed ones let go. */
  membersChanged(members: readonly Member[]): void;
  /** The version another member announces; undefined when it doesn't answer. */
  serverVersionOf(member: Member): Promise<string | undefined>;
  /**
   * Asks the leader to promote a learner. Resolves to the members then, or undefined when there was
   * no answer or it could not be done. @throws ApiError why it was refused
   */
  promoteAtLeader(id: MemberId, token: string | undefined): Promise<readonly Member[] | undefined>;
  /** The granted TTL in seconds; undefined when the leader didn't answer. */
  renewLease(leader: MemberId, id: LeaseId): Promise<number | "not-found" | undefined>;
  /** Undefined when the leader didn't answer. */
  leaseTimeToLive(
    leader: MemberId,
    id: LeaseId,
    withKeys: boolean,
  ): Promise<RemoteLeaseStatus | "not-found" | undefined>;
  /** Ends every connection; nothing is sent or received from then on. */
  stop(): Promise<void>;
}
