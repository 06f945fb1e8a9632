import { assert, hexId, type LogIndex, type MemberId, type Term } from "@kvorum/base";
import type { Core } from "./core.js";
import { countOwnVote } from "./election.js";
import { installSnapshot } from "./follower.js";
import type { Ready } from "./node.js";
import { acknowledgeOwn, flush } from "./replication.js";
import type { HardState, Message, ReadState, Role, SoftState } from "./types.js";

/** A Ready that the host is saving. */
interface Flight {
  readonly ready: Ready;
  /** The term of an own vote that counts once the Ready is saved; 0 is none. */
  readonly ownVoteTerm: Term;
}

/** Cuts what is new into Readys and takes the acknowledgement of each, in order. */
export class ReadyQueue {
  readonly #core: Core;
  readonly #inFlight: Flight[] = [];
  #role: Role = "follower";
  #leader: MemberId = 0n;
  #term: Term;
  #vote: MemberId;
  #commit: LogIndex;

  /** @param saved what the disk holds already. */
  constructor(core: Core, saved: HardState) {
    this.#core = core;
    this.#term = saved.term;
    this.#vote = saved.vote;
    this.#commit = saved.commit;
  }

  has(): boolean {
    const core = this.#core;
    flush(core);
    const { log } = core;
    return (
      log.hasUnhanded() ||
      log.hasDeliverable() ||
      core.messages.length > 0 ||
      core.messagesAfterSync.length > 0 ||
      core.readStates.length > 0 ||
      this.#isHardStateNew() ||
      this.#isSoftStateNew() ||
      log.hasUnhandedSnapshot()
    );
  }

  take(): Ready {
    const core = this.#core;
    flush(core);
    const { log } = core;
    const isVoteNew = core.term !== this.#term || core.vote !== this.#vote;
    const snapshot = log.takeSnapshot();
    const entries = log.beginSave();
    const ready: Ready = {
      softState: this.#takeSoftState(),
      hardState: this.#takeHardState(),
      entries,
      snapshot,
      messages: takeMessages(core),
      messagesAfterSync: takeMessagesAfterSync(core),
      committedEntries: log.deliver(core.options.committedBytesMax),
      readStates: takeReadStates(core),
      mustSync: entries.length > 0 || snapshot !== undefined || isVoteNew,
    };
    this.#inFlight.push({ ready, ownVoteTerm: core.ownVoteTerm });
    core.ownVoteTerm = 0;
    return ready;
  }

  saved(ready: Ready): void {
    const core = this.#core;
    const flight = this.#inFlight.shift();
    assert(flight?.ready === ready, "saved out of order: every Ready is saved once, in order");
    core.log.endSave();
    if (ready.snapshot !== undefined) installSnapshot(core, ready.snapshot);
    if (flight.ownVoteTerm !== 0) countOwnVote(core, flight.ownVoteTerm);
    acknowledgeOwn(core);
  }

  #isHardStateNew(): boolean {
    const core = this.#core;
    return (
      core.log.committed !== this.#commit || core.term !== this.#term || core.vote !== this.#vote
    );
  }

  #isSoftStateNew(): boolean {
    return this.#core.role !== this.#role || this.#core.leader !== this.#leader;
  }

  #takeHardState(): HardState | undefined {
    if (!this.#isHardStateNew()) return undefined;
    const core = this.#core;
    this.#term = core.term;
    this.#vote = core.vote;
    this.#commit = core.log.committed;
    return { term: this.#term, vote: this.#vote, commit: this.#commit };
  }

  #takeSoftState(): SoftState | undefined {
    if (!this.#isSoftStateNew()) return undefined;
    const core = this.#core;
    if (core.leader !== this.#leader) traceLeader(core, this.#leader);
    this.#role = core.role;
    this.#leader = core.leader;
    return { leader: core.leader, role: core.role };
  }
}

const noMessages: readonly Message[] = Object.freeze([]);
const noReadStates: readonly ReadState[] = Object.freeze([]);

function takeMessages(core: Core): readonly Message[] {
  if (core.messages.length === 0) return noMessages;
  const taken = core.messages;
  core.messages = [];
  return taken;
}

function takeMessagesAfterSync(core: Core): readonly Message[] {
  if (core.messagesAfterSync.length === 0) return noMessages;
  const taken = core.messagesAfterSync;
  core.messagesAfterSync = [];
  return taken;
}

function takeReadStates(core: Core): readonly ReadState[] {
  if (core.readStates.length === 0) return noReadStates;
  const taken = core.readStates;
  core.readStates = [];
  return taken;
}

function traceLeader(core: Core, before: MemberId): void {
  const self = hexId(core.id);
  const now = hexId(core.leader);
  const term = `at term ${core.term}`;
  if (before === 0n) core.trace?.("info", `raft.node: ${self} elected leader ${now} ${term}`);
  else if (core.leader === 0n) {
    core.trace?.("info", `raft.node: ${self} lost leader ${hexId(before)} ${term}`);
  } else {
    const change = `changed leader from ${hexId(before)} to ${now}`;
    core.trace?.("info", `raft.node: ${self} ${change} ${term}`);
  }
}
