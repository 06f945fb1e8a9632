import type { LogIndex, MemberId } from "@kvorum/base";
import { noConfState, sortedIds } from "./conf-state.js";
import { FollowerProgress } from "./progress.js";
import { jointVote, majorityValue, majorityVote, type VoteResult } from "./quorum.js";
import type { ConfState } from "./types.js";

/**
 * The configuration in force, the progress of its members and the votes of the running election.
 * A joint configuration has two groups of voters, and each decision needs a majority in both
 * (Raft thesis, section 4.3).
 */
export class Tracker {
  readonly #self: MemberId;
  readonly #bounds: { readonly inflightMessagesMax: number; readonly inflightBytesMax: number };
  #config: ConfState = noConfState;
  #progress = new Map<MemberId, FollowerProgress>();
  #incoming: readonly FollowerProgress[] = [];
  #outgoing: readonly FollowerProgress[] = [];
  #others: readonly FollowerProgress[] = [];
  readonly #votes = new Map<MemberId, boolean>();
  readonly #scratch: number[] = [];

  constructor(
    self: MemberId,
    bounds: { readonly inflightMessagesMax: number; readonly inflightBytesMax: number },
  ) {
    this.#self = self;
    this.#bounds = bounds;
  }

  /** Sorted ids; never changed, only replaced. */
  get config(): ConfState {
    return this.#config;
  }
  get progress(): ReadonlyMap<MemberId, FollowerProgress> {
    return this.#progress;
  }
  /** All members but this one, in order of id. */
  get others(): readonly FollowerProgress[] {
    return this.#others;
  }
  /** Undefined when this member is not, or no longer, in the configuration. */
  get own(): FollowerProgress | undefined {
    return this.#progress.get(this.#self);
  }
  /** Whether this member's vote alone is a quorum. */
  get isOnlyVoter(): boolean {
    const [voter] = this.#incoming;
    return this.#incoming.length === 1 && this.#outgoing.length === 0 && voter!.id === this.#self;
  }
  isVoter(id: MemberId): boolean {
    return this.#config.voters.includes(id) || this.#config.votersOutgoing.includes(id);
  }

  /** Ids that vote in either group, in order. */
  voterIds(): readonly MemberId[] {
    return sortedIds([...this.#config.voters, ...this.#config.votersOutgoing]);
  }

  /**
   * Puts `config` in force. Members that stay keep their progress; a new one is probed from
   * `lastIndex` and counts as active, or its silence would at once cost the leader its quorum.
   */
  switchTo(config: ConfState, lastIndex: LogIndex): void {
    const progress = new Map<MemberId, FollowerProgress>();
    const ids = sortedIds([...config.voters, ...config.votersOutgoing, ...config.learners]);
    for (const id of ids) {
      const entry = this.#progress.get(id) ?? this.#newcomer(id, lastIndex);
      entry.isLearner = config.learners.includes(id);
      progress.set(id, entry);
    }
    this.#config = config;
    this.#progress = progress;
    this.#incoming = config.voters.map((id) => progress.get(id)!);
    this.#outgoing = config.votersOutgoing.map((id) => progress.get(id)!);
    this.#others = [...progress.values()].filter((entry) => entry.id !== this.#self);
  }

  /** Forgets all progress, for a configuration that came with a snapshot. */
  clear(): void {
    this.#progress = new Map();
  }

  /** The largest index that a quorum holds. */
  committed(): LogIndex {
    if (this.#incoming.length === 1 && this.#outgoing.length === 0) return this.#incoming[0]!.match;
    return this.#quorumOf(matchOf);
  }

  /** The newest read position that a quorum has confirmed. */
  readConfirmed(): number {
    return this.#quorumOf(readOf);
  }

  isQuorumActive(): boolean {
    const active = (voter: FollowerProgress): boolean =>
      voter.recentActive || voter.id === this.#self;
    const incoming = majorityVote(this.#incoming, active);
    return jointVote(incoming, majorityVote(this.#outgoing, active)) === "won";
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first answer of a member counts. */
  recordVote(id: MemberId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  tally(): { readonly granted: number; readonly rejected: number; readonly result: VoteResult } {
    let granted = 0;
    let rejected = 0;
    for (const [id, vote] of this.#votes) {
      if (!this.isVoter(id)) continue;
      if (vote) granted++;
      else rejected++;
    }
    const voteOf = (id: MemberId): boolean | undefined => this.#votes.get(id);
    const incoming = majorityVote(this.#config.voters, voteOf);
    const result = jointVote(incoming, majorityVote(this.#config.votersOutgoing, voteOf));
    return { granted, rejected, result };
  }

  #newcomer(id: MemberId, lastIndex: LogIndex): FollowerProgress {
    const entry = new FollowerProgress(id, { next: Math.max(lastIndex, 1), ...this.#bounds });
    entry.recentActive = true;
    return entry;
  }

  #quorumOf(pick: (progress: FollowerProgress) => number): number {
    const incoming = this.#majorityOf(this.#incoming, pick);
    if (this.#outgoing.length === 0) return incoming;
    return Math.min(incoming, this.#majorityOf(this.#outgoing, pick));
  }

  #majorityOf(
    voters: readonly FollowerProgress[],
    pick: (progress: FollowerProgress) => number,
  ): number {
    const values = this.#scratch;
    values.length = 0;
    for (let i = 0; i < voters.length; i++) values.push(pick(voters[i]!));
    return majorityValue(values);
  }
}

const matchOf = (progress: FollowerProgress): number => progress.match;
const readOf = (progress: FollowerProgress): number => progress.readAcknowledged;
