import { type ApiError, apiError } from "@kvorum/api";
import { bigintToBytes, type Clock, type LogIndex } from "@kvorum/base";
import type { RawNode, ReadState } from "@kvorum/raft";
import type { ProposalIds } from "./proposal-ids.js";

/** A read that waits until this member has applied all that was committed when it began. */
export interface ReadOwner {
  ready(): void;
  failed(error: ApiError): void;
}

interface Round {
  readonly context: string;
  readonly readers: ReadOwner[];
  readonly startMs: number;
  sentMs: number;
  /** Undefined until a quorum confirmed it. */
  index: LogIndex | undefined;
}

/** An unanswered round is asked again after this time. Source: etcd readIndexRetryTime. */
const RETRY_MS = 500;

/**
 * Linearizable reads: one confirmation round serves every read that queued meanwhile, and only one
 * round is under way at a time. A read is served once `appliedIndex` reaches the confirmed index.
 *
 * The only voter needs no round while it leads and has applied all that is committed: every write
 * that anybody was told of is then among what was applied, since an answer is given after that, and
 * no other member can have accepted one, since none can be elected without this vote.
 */
export class ReadIndexQueue {
  readonly #node: RawNode;
  readonly #clock: Clock;
  readonly #ids: ProposalIds;
  readonly #timeoutMs: number;
  readonly #wake: () => void;
  #waiting: ReadOwner[] = [];
  #round: Round | undefined;
  #confirmed: Round[] = [];
  #stopped = false;
  /** Rounds that timed out, for the metrics. */
  failedRounds = 0;
  /** Rounds that had to be asked again, for the metrics. */
  slowRounds = 0;

  constructor(options: {
    readonly node: RawNode;
    readonly clock: Clock;
    readonly ids: ProposalIds;
    readonly timeoutMs: number;
    readonly wake: () => void;
  }) {
    this.#node = options.node;
    this.#clock = options.clock;
    this.#ids = options.ids;
    this.#timeoutMs = options.timeoutMs;
    this.#wake = options.wake;
  }

  /** Calls `owner.ready` when the read may be served: at once, or in a later turn. */
  wait(owner: ReadOwner): void {
    if (this.#stopped) {
      owner.failed(apiError("stopped"));
      return;
    }
    const node = this.#node;
    if (node.confirmsReadsAlone && node.appliedIndex >= node.committedIndex) {
      owner.ready();
      return;
    }
    this.#waiting.push(owner);
    this.#wake();
  }

  /** Starts a round for the reads that wait; called by the Ready loop once a turn. */
  flush(): void {
    if (this.#round !== undefined || this.#waiting.length === 0) return;
    const context = bigintToBytes(this.#ids.next());
    const nowMs = this.#clock.nowMs();
    this.#round = {
      context: context.latin1Slice(0, 8),
      readers: this.#waiting,
      startMs: nowMs,
      sentMs: nowMs,
      index: undefined,
    };
    this.#waiting = [];
    this.#node.readIndex(context);
  }

  /** Read states of a Ready. Answers of rounds that were given up are ignored. */
  confirm(readStates: readonly ReadState[]): void {
    for (const state of readStates) {
      const round = this.#round;
      if (round === undefined) continue;
      const context = Buffer.from(state.context).latin1Slice(0, state.context.length);
      if (context !== round.context) continue;
      round.index = state.index;
      this.#round = undefined;
      this.#confirmed.push(round);
    }
    if (readStates.length > 0 && this.#waiting.length > 0) this.#wake();
  }

  /** Serves every confirmed read that `appliedIndex` has reached. */
  applied(appliedIndex: LogIndex): void {
    while (this.#confirmed.length > 0) {
      const round = this.#confirmed[0]!;
      if (round.index! > appliedIndex) return;
      this.#confirmed.shift();
      for (const reader of round.readers) reader.ready();
    }
  }

  /** Asks an unanswered round again and fails one that took too long. */
  expire(): void {
    const nowMs = this.#clock.nowMs();
    const round = this.#round;
    if (round !== undefined) {
      if (nowMs - round.startMs >= this.#timeoutMs) {
        this.#round = undefined;
        this.failedRounds++;
        for (const reader of round.readers) reader.failed(apiError("timeout"));
        if (this.#waiting.length > 0) this.#wake();
      } else if (nowMs - round.sentMs >= RETRY_MS) {
        round.sentMs = nowMs;
        this.slowRounds++;
        this.#node.readIndex(Buffer.from(round.context, "latin1"));
        this.#wake();
      }
    }
    while (this.#confirmed.length > 0 && nowMs - this.#confirmed[0]!.startMs >= this.#timeoutMs) {
      for (const reader of this.#confirmed.shift()!.readers) reader.failed(apiError("timeout"));
    }
  }

  /** The round under way was asked of a leader that is none any more: its reads fail. */
  leaderChanged(): void {
    const round = this.#round;
    if (round === undefined) return;
    this.#round = undefined;
    for (const reader of round.readers) reader.failed(apiError("leaderChanged"));
    if (this.#waiting.length > 0) this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    const rounds = this.#round === undefined ? this.#confirmed : [this.#round, ...this.#confirmed];
    const readers = [...rounds.flatMap((round) => round.readers), ...this.#waiting];
    this.#round = undefined;
    this.#confirmed = [];
    this.#waiting = [];
    for (const reader of readers) reader.failed(apiError("stopped"));
  }
}
