import type { LogIndex, MemberId, Prng, Term } from "@kvorum/base";
import type {
  ConfChange,
  ConfChangeV2,
  ConfState,
  Entry,
  HardState,
  Message,
  ReadState,
  Snapshot,
  SoftState,
} from "./types.js";

/**
 * One batch of work for the host. Accepting it (`ready()`) moves the core on: the next `ready()`
 * holds only what is new, so the host may encode batch n+1 while batch n is being synced.
 *
 * The host must, for every Ready in order:
 *   1. save `snapshot`, then `entries`, then `hardState`; sync when `mustSync`
 *   2. send `messages` at any time (a leader's MsgApp may travel while its own sync runs)
 *   3. once this and every earlier Ready is durable: send `messagesAfterSync`, call `saved(ready)`
 *   4. apply `committedEntries` in order, then call `applied(index)`
 */
export interface Ready {
  readonly softState: SoftState | undefined;
  /** Undefined when unchanged since the last Ready. */
  readonly hardState: HardState | undefined;
  /** To append to the log on disk; an entry replaces all at and after its index. */
  readonly entries: readonly Entry[];
  /** Replaces log and state before `entries`. */
  readonly snapshot: Snapshot | undefined;
  readonly messages: readonly Message[];
  /** Votes, requests for votes, and acknowledgements of `entries`: not before all is durable. */
  readonly messagesAfterSync: readonly Message[];
  /**
   * Committed and, on this member, durable. Never delivered twice. None while a `snapshot` is being
   * saved; what follows it comes after `saved`.
   */
  readonly committedEntries: readonly Entry[];
  readonly readStates: readonly ReadState[];
  /** `entries` is not empty, there is a `snapshot`, or term or vote changed. */
  readonly mustSync: boolean;
}

export interface RawNodeOptions {
  readonly id: MemberId;
  /** A follower hears nothing for this many ticks (and up to twice as many, drawn) -> campaign. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Upper bound of one MsgApp's entries, in bytes of encoded entries; at least one goes. */
  readonly messageBytesMax: number;
  /** Unacknowledged MsgApps to one follower. */
  readonly inflightMessagesMax: number;
  /** The same in bytes; 0 is no bound. */
  readonly inflightBytesMax: number;
  /** Bytes of uncommitted entry data above which a leader drops proposals; 0 is no bound. */
  readonly uncommittedBytesMax: number;
  /** Bytes of committed entries handed out in one Ready; at least one entry goes. */
  readonly committedBytesMax: number;
  /** A follower's proposals and reads are dropped rather than forwarded to the leader. */
  readonly disableForwarding: boolean;
  readonly prng: Prng;

  /** What the disk holds, in log order. A new node has the zero hard state and nothing else. */
  readonly hardState: HardState;
  readonly confState: ConfState;
  /** The log begins after this position; {index: 0, term: 0} for a whole log. */
  readonly compacted: { readonly index: LogIndex; readonly term: Term };
  /** Entries after `compacted`, without gap. */
  readonly entries: readonly Entry[];
  /** Entries up to here are applied and not delivered again; at least compacted.index. */
  readonly applied: LogIndex;
  /**
   * A snapshot at or above the compacted index, for a follower that fell behind. Undefined: not
   * yet; asked for again after that follower's next answer.
   */
  readonly snapshot: () => Snapshot | undefined;
  /** Trace of role changes, elections and rejected steps, in etcd's wording. */
  readonly log?: (level: "debug" | "info" | "warn" | "error", message: string) => void;
}

export type ProposalResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /**
       * no leader known, or not to be forwarded to; a transfer runs; this member was removed; too
       * much is uncommitted; too many reads wait for a quorum; this leader has yet to apply what may
       * hold a conf change
       */
      readonly reason:
        | "no-leader"
        | "transferring"
        | "removed"
        | "uncommitted-limit"
        | "unapplied-conf-change"
        | "too-many-reads";
    };

export type FollowerState = "probe" | "replicate" | "snapshot";

/** What a leader knows of one member. */
export interface Progress {
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: FollowerState;
  readonly isLearner: boolean;
  readonly recentActive: boolean;
  readonly paused: boolean;
  readonly pendingSnapshot: LogIndex;
}

export interface RaftStatus {
  readonly id: MemberId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: LogIndex;
  readonly lastIndex: LogIndex;
  readonly firstIndex: LogIndex;
  readonly leadTransferee: MemberId;
  readonly confState: ConfState;
  /** Empty unless leader. */
  readonly progress: ReadonlyMap<MemberId, Progress>;
}

/**
 * The consensus core: no clock, disk, network or promise. The host calls these methods and handles
 * each `Ready`. Not reentrant; single-threaded.
 */
export interface RawNode {
  /** One heartbeat interval has passed. */
  tick(): void;
  /** Campaigns now, without waiting for the election time-out. */
  campaign(): void;
  /** A message of another member (also a forwarded proposal or read). */
  step(message: Message): void;
  /**
   * Appends one entry for each of `data`, in order, or forwards them to the leader: all or none.
   * "ok" means taken, not committed; a forwarded proposal may still be lost.
   */
  propose(data: readonly Uint8Array[]): ProposalResult;
  /**
   * At most one conf change may be unapplied: a leader refuses a further one of its own, and puts
   * an empty entry in the place of one that was forwarded to it.
   */
  proposeConfChange(change: ConfChange | ConfChangeV2): ProposalResult;
  /**
   * Asks for a quorum-confirmed read index; answered in `Ready.readStates` with the same context.
   * Many requests between two Readys cost one round of heartbeats. A change of leader drops them
   * silently, so the host asks again after a while.
   */
  readIndex(context: Uint8Array): ProposalResult;
  /**
   * Whether `readIndex` would be answered with `committedIndex` as it is now and without asking
   * anybody: this member leads, has committed an entry of its term, and is the only voter.
   */
  readonly confirmsReadsAlone: boolean;
  /**
   * Up to here every other member, learners too, is known to have this log: who leads needs no older
   * entry as long as no member joins. The last index for a member alone, 0 for who doesn't lead.
   */
  readonly matchedByAll: LogIndex;
  transferLeader(to: MemberId): void;
  /** The last message to `id` could not be sent. */
  reportUnreachable(id: MemberId): void;
  /** The snapshot sent to `id` arrived, or did not. */
  reportSnapshot(id: MemberId, arrived: boolean): void;

  hasReady(): boolean;
  ready(): Ready;
  /**
   * All that `ready` asked to save is durable. Called once for each Ready, in order. With a
   * snapshot it also means that the application has taken it over: entries delivered before are
   * void, and the snapshot's configuration is in force.
   */
  saved(ready: Ready): void;
  /** Entries up to `index` have been applied. A saved snapshot counts as applied already. */
  applied(index: LogIndex): void;

  /**
   * Takes effect at once; call it when applying a conf change entry, before `applied`. A change
   * with nodeId 0 changes nothing. Returns the new configuration, for the snapshot and the store.
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState;
  /** Drops entries up to `index` from memory; followers that need them get a snapshot. */
  compact(index: LogIndex): void;
  /** The term of the entry at `index`; undefined when compacted or not there yet. */
  termAt(index: LogIndex): Term | undefined;

  readonly id: MemberId;
  readonly term: Term;
  readonly leader: MemberId;
  readonly isLeader: boolean;
  readonly committedIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly isLearner: boolean;
  /** Allocates: for status pages, not for the hot path. */
  status(): RaftStatus;
}
