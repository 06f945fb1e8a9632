import type { Clock, LogIndex, MemberId, Timer } from "@kvorum/base";
import type { Entry, Message, RawNode, SoftState } from "@kvorum/raft";
import { serverLimits } from "../limits.js";
import { requestTimeoutMsOf } from "../timing.js";
import { HeartbeatWatch } from "./heartbeat-watch.js";
import type { ProposalIds } from "./proposal-ids.js";
import { Proposer } from "./proposer.js";
import { ReadIndexQueue } from "./read-index.js";
import { type LogWriter, ReadyLoop, type SnapshotSink } from "./ready-loop.js";
import { TimeoutCause } from "./timeout-cause.js";

export interface ConsensusOptions {
  readonly node: RawNode;
  readonly log: LogWriter;
  readonly clock: Clock;
  readonly ids: ProposalIds;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly requestBytesMax: number;
  readonly apply: (entries: readonly Entry[]) => void;
  readonly send: (messages: readonly Message[]) => void;
  readonly snapshots: SnapshotSink;
  readonly onSoftState: (state: SoftState) => void;
  readonly onFault: (error: unknown) => void;
  /** This member leads and sent a heartbeat later than it should, by this much. */
  readonly onLateHeartbeat: (to: MemberId, exceededMs: number) => void;
  /** Since when another member has been connected, on the clock's `nowMs`; undefined: it isn't. */
  readonly connectedSinceMs: (id: MemberId) => number | undefined;
  /** All members, this one included. */
  readonly members: () => readonly MemberId[];
}

/** The core with what drives it: ticks, proposals, reads and the Ready loop. */
export class Consensus {
  readonly node: RawNode;
  readonly proposer: Proposer;
  readonly reads: ReadIndexQueue;
  /** How long a proposal, a read or a forwarded request may take. */
  readonly requestTimeoutMs: number;
  readonly #heartbeats: HeartbeatWatch;
  readonly #loop: ReadyLoop;
  readonly #timers: Timer[] = [];
  readonly #options: ConsensusOptions;

  constructor(options: ConsensusOptions) {
    this.#options = options;
    const { node, clock, ids } = options;
    this.node = node;
    const requestTimeoutMs = requestTimeoutMsOf(options);
    this.requestTimeoutMs = requestTimeoutMs;
    const wake = () => this.#loop.wake();
    const { electionTimeoutMs, connectedSinceMs, members } = options;
    const cause = new TimeoutCause({ node, clock, electionTimeoutMs, connectedSinceMs, members });
    this.proposer = new Proposer({
      node,
      ids,
      clock,
      requestTimeoutMs,
      wake,
      requestBytesMax: options.requestBytesMax,
      timeoutCause: (startMs) => cause.of(startMs),
    });
    this.#heartbeats = new HeartbeatWatch({ ...options, onLate: options.onLateHeartbeat });
    this.reads = new ReadIndexQueue({ node, clock, ids, timeoutMs: requestTimeoutMs, wake });
    this.#loop = new ReadyLoop({
      node,
      clock,
      proposer: this.proposer,
      reads: this.reads,
      log: options.log,
      apply: options.apply,
      send: (messages) => {
        this.#heartbeats.sending(messages);
        options.send(messages);
      },
      snapshots: options.snapshots,
      onSoftState: (state) => {
        cause.leaderIs(state.leader);
        if (state.role === "leader") this.#heartbeats.reset();
        options.onSoftState(state);
      },
      onFault: options.onFault,
    });
  }

  /** Heartbeats that left late, for the metrics. */
  get lateHeartbeats(): number {
    return this.#heartbeats.late;
  }

  /** Begins to tick and to work off what the log held. */
  start(): void {
    const { clock, heartbeatIntervalMs } = this.#options;
    this.#timers.push(
      clock.every(heartbeatIntervalMs, () => {
        this.node.tick();
        this.#loop.wake();
      }),
      clock.every(serverLimits.timeoutCheckMs, () => {
        this.proposer.expire();
        this.reads.expire();
      }),
    );
    this.#loop.wake();
  }

  /** Something was stepped or changed in the core: work it off in the next turn. */
  wake(): void {
    this.#loop.wake();
  }

  /** Entries up to `index` are applied: reads that waited for them are served. */
  applied(index: LogIndex): void {
    this.node.applied(index);
    this.reads.applied(index);
    this.#loop.wake();
  }

  /** A member that is its cluster's only voter needs no election time-out to lead. */
  campaignIfAlone(): void {
    const { node } = this;
    if (node.leader !== 0n) return;
    const { voters, votersOutgoing } = node.status().confState;
    if (voters.length !== 1 || votersOutgoing.length !== 0 || voters[0] !== node.id) return;
    node.campaign();
    this.#loop.wake();
  }

  /** What waits fails with "server stopped"; resolves when the log is written no more. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.clear();
    this.proposer.stop();
    this.reads.stop();
    await this.#loop.stop();
  }
}
