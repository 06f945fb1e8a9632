import { assert, hexId, type LogIndex, type MemberId, type Term } from "@kvorum/base";
import { changeConfiguration } from "./conf-change.js";
import { encodeConfChange } from "./conf-change-codec.js";
import { normalizeConfState } from "./conf-state.js";
import type { Core } from "./core.js";
import { describeConfState } from "./describe.js";
import { campaign } from "./election.js";
import { createMessage } from "./messages.js";
import type { ProposalResult, RaftStatus, RawNode, RawNodeOptions, Ready } from "./node.js";
import { accepted, leaveJointWhenDue, propose, proposeEntries } from "./proposal.js";
import { RaftLog } from "./raft-log.js";
import {
  answerConfirmedReads,
  confirmsReadsAlone,
  forwardRead,
  handleReadRequest,
} from "./read-index.js";
import { ReadQueue } from "./read-queue.js";
import { ReadyQueue } from "./ready.js";
import {
  acknowledgeOwn,
  handleSnapshotReport,
  handleUnreachable,
  maybeCommit,
  want,
} from "./replication.js";
import { statusOf } from "./status.js";
import { step } from "./step.js";
import { tick } from "./tick.js";
import { Tracker } from "./tracker.js";
import { forwardTransfer, startTransfer } from "./transfer.js";
import { becomeFollower } from "./transitions.js";
import {
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  EntryType,
  type Message,
  MessageType,
} from "./types.js";

/** A member of a Raft group, restarted from what `options` say the disk holds. */
export function createRawNode(options: RawNodeOptions): RawNode {
  assert(options.id !== 0n, "cannot use none as id");
  assert(options.heartbeatTicks > 0, "heartbeat tick must be greater than 0");
  assert(
    options.electionTicks > options.heartbeatTicks,
    "election tick must be greater than heartbeat tick",
  );
  assert(options.inflightMessagesMax > 0, "max inflight messages must be greater than 0");
  return new RaftNode(options);
}

class RaftNode implements RawNode {
  readonly #core: Core;
  readonly #readies: ReadyQueue;

  constructor(options: RawNodeOptions) {
    this.#core = createCore(options);
    this.#readies = new ReadyQueue(this.#core, options.hardState);
    start(this.#core);
  }

  get id(): MemberId {
    return this.#core.id;
  }
  get term(): Term {
    return this.#core.term;
  }
  get leader(): MemberId {
    return this.#core.leader;
  }
  get isLeader(): boolean {
    return this.#core.role === "leader";
  }
  get committedIndex(): LogIndex {
    return this.#core.log.committed;
  }
  get appliedIndex(): LogIndex {
    return this.#core.log.applied;
  }
  get lastIndex(): LogIndex {
    return this.#core.log.lastIndex;
  }
  get confirmsReadsAlone(): boolean {
    return confirmsReadsAlone(this.#core);
  }
  get matchedByAll(): LogIndex {
    const { role, tracker, log } = this.#core;
    if (role !== "leader") return 0;
    let matched = log.lastIndex;
    for (const { match } of tracker.others) matched = Math.min(matched, match);
    return matched;
  }
  get isLearner(): boolean {
    return this.#core.tracker.own?.isLearner ?? false;
  }

  tick(): void {
    tick(this.#core);
  }

  campaign(): void {
    campaign(this.#core, this.#core.options.preVote ? "pre-election" : "election");
  }

  step(message: Message): void {
    step(this.#core, message);
  }

  propose(data: readonly Uint8Array[]): ProposalResult {
    return data.length === 0 ? accepted : propose(this.#core, data);
  }

  proposeConfChange(change: ConfChange | ConfChangeV2): ProposalResult {
    const core = this.#core;
    if (core.role === "leader" && core.pendingConfIndex > core.log.applied) {
      return { ok: false, reason: "unapplied-conf-change" };
    }
    const { type, data } = encodeConfChange(change);
    return proposeEntries(core, [{ type, term: 0, index: 0, data }]);
  }

  readIndex(context: Uint8Array): ProposalResult {
    const core = this.#core;
    const request = createMessage(MessageType.ReadIndex, { from: core.id, to: 0n, term: 0 });
    request.entries = [{ type: EntryType.Normal, term: 0, index: 0, data: context }];
    return core.role === "leader" ? handleReadRequest(core, request) : forwardRead(core, request);
  }

  transferLeader(to: MemberId): void {
    const core = this.#core;
    if (core.role === "follower") forwardTransfer(core, to);
    if (core.role !== "leader" || !startTransfer(core, to)) return;
    want(core, core.tracker.progress.get(to)!);
  }

  reportUnreachable(id: MemberId): void {
    handleUnreachable(this.#core, id);
  }

  reportSnapshot(id: MemberId, arrived: boolean): void {
    handleSnapshotReport(this.#core, id, arrived);
  }

  hasReady(): boolean {
    return this.#readies.has();
  }

  ready(): Ready {
    return this.#readies.take();
  }

  saved(ready: Ready): void {
    this.#readies.saved(ready);
  }

  applied(index: LogIndex): void {
    this.#core.log.appliedTo(index);
    leaveJointWhenDue(this.#core);
  }

  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    const core = this.#core;
    const { log, tracker } = core;
    tracker.switchTo(changeConfiguration(tracker.config, change), log.lastIndex);
    traceConfiguration(core);
    if (core.role === "leader") {
      // Other voters may make another quorum; newcomers are probed without waiting for an event.
      if (tracker.own?.state === "probe") tracker.own.becomeReplicate();
      acknowledgeOwn(core);
      maybeCommit(core);
      answerConfirmedReads(core);
      core.appendWanted = true;
      if (!tracker.isVoter(core.leadTransferee)) core.leadTransferee = 0n;
    }
    return tracker.config;
  }

  compact(index: LogIndex): void {
    this.#core.log.compact(index);
  }

  termAt(index: LogIndex): Term | undefined {
    return this.#core.log.termAt(index);
  }

  status(): RaftStatus {
    return statusOf(this.#core);
  }
}

function createCore(options: RawNodeOptions): Core {
  return {
    id: options.id,
    options,
    trace: options.log,
    log: new RaftLog({
      compacted: options.compacted,
      entries: options.entries,
      commit: options.hardState.commit,
      applied: options.applied,
    }),
    tracker: new Tracker(options.id, {
      inflightMessagesMax: options.inflightMessagesMax,
      inflightBytesMax: options.inflightBytesMax,
    }),
    reads: new ReadQueue(),
    role: "follower",
    term: options.hardState.term,
    vote: options.hardState.vote,
    leader: 0n,
    electionElapsed: 0,
    heartbeatElapsed: 0,
    electionTimeoutTicks: options.electionTicks,
    leadTransferee: 0n,
    pendingConfIndex: 0,
    uncommittedBytes: 0,
    termStartIndex: 0,
    appendWanted: false,
    heartbeatWanted: false,
    messages: [],
    messagesAfterSync: [],
    readStates: [],
    ownVoteTerm: 0,
  };
}

function start(core: Core): void {
  const { log, tracker } = core;
  log.commitTo(provenCommit(log));
  tracker.switchTo(normalizeConfState(core.options.confState), log.lastIndex);
  traceConfiguration(core);
  becomeFollower(core, core.term, 0n);
  const peers = tracker.voterIds().map(hexId).join(",");
  core.trace?.(
    "info",
    `newRaft ${hexId(core.id)} [peers: [${peers}], term: ${core.term}, commit: ${log.committed}, ` +
      `applied: ${log.applied}, lastindex: ${log.lastIndex}, lastterm: ${log.lastTerm}]`,
  );
}

/**
 * A leader appends a conf change only after it has applied the one before, so of two in the log the
 * first is committed. A torn write may have lost the commit index but kept the entries; a member
 * that then campaigned on its old configuration could be two changes behind, and its quorum and the
 * present one need not overlap.
 */
function provenCommit(log: RaftLog): LogIndex {
  let newest = 0;
  let proven = 0;
  for (let index = log.applied + 1; index <= log.lastIndex; index++) {
    if (log.entryAt(index).type === EntryType.Normal) continue;
    proven = newest;
    newest = index;
  }
  return proven;
}

function traceConfiguration(core: Core): void {
  const config = describeConfState(core.tracker.config);
  core.trace?.("info", `${hexId(core.id)} switched to configuration ${config}`);
}
