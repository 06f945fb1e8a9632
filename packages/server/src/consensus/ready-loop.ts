// Step 6 of the write path: append to the WAL, send to followers; steps 7 and 8 hang on it.
import type { Clock } from "@kvorum/base";
import {
  type Entry,
  type HardState,
  type Message,
  MessageType,
  type RawNode,
  type Ready,
  type Snapshot,
  type SoftState,
} from "@kvorum/raft";
import type { Proposer } from "./proposer.js";
import type { ReadIndexQueue } from "./read-index.js";

/** The log on disk; `Wal` implements it. */
export interface LogWriter {
  /** Entries, then the hard state; when `sync`, durable once it resolves. One write a call. */
  append(
    hardState: HardState | undefined,
    entries: readonly Entry[],
    options: { readonly sync: boolean },
  ): Promise<void>;
}

/** Takes over snapshots of the leader, in two steps. */
export interface SnapshotSink {
  /** Notes the snapshot on the disk, before the hard state that commits it and what follows it. */
  save(snapshot: Snapshot): Promise<void>;
  /** Makes the snapshot the store's content; a crash before that leads to the same at the start. */
  install(snapshot: Snapshot): Promise<void>;
}

/** What the Ready loop drives. */
export interface ReadyLoopOptions {
  readonly node: RawNode;
  readonly log: LogWriter;
  readonly clock: Clock;
  readonly proposer: Proposer;
  readonly reads: ReadIndexQueue;
  /** Step 8: takes committed entries in order. */
  readonly apply: (entries: readonly Entry[]) => void;
  /** Sends to other members; never blocks, drops and reports when it can't. */
  readonly send: (messages: readonly Message[]) => void;
  readonly snapshots: SnapshotSink;
  readonly onSoftState: (state: SoftState) => void;
  /** The log could not be written: nothing more can be acknowledged, the node must stop. */
  readonly onFault: (error: unknown) => void;
}

/**
 * The only driver of the core. Once a turn of the event loop it hands queued proposals and reads to
 * the core and works off what `ready` gives:
 *
 * ```
 *  turn --> propose, readIndex --> ready --+--> send messages, apply what is committed
 *   ^                                      +--> WAL append (one write, one sync) --> saved --+
 *   +------------------------------------------------------------------------------------<--+
 * ```
 * While one batch is being synced the next one gathers (group commit). Two writes are never in
 * flight at once: the second would only wait behind the first in the file system, and a torn tail
 * could then hide an acknowledged batch behind a hole. A Ready that comes while a write is under
 * way (a read state, say) is worked off at once; only its part for the log waits.
 */
export class ReadyLoop {
  readonly #options: ReadyLoopOptions;
  #saving = false;
  /** Accepted and not yet durable, in order; those of the write under way are not among them. */
  #toSave: Ready[] = [];
  #scheduled = false;
  #stopped = false;
  #idle: (() => void) | undefined;

  constructor(options: ReadyLoopOptions) {
    this.#options = options;
  }

  /** Asks for a turn; cheap, any number of times. */
  wake = (): void => {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#options.clock.soon(this.#turn);
  };

  /** No further turn begins; resolves once the write under way has settled. */
  stop(): Promise<void> {
    this.#stopped = true;
    if (!this.#saving) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  #turn = (): void => {
    this.#scheduled = false;
    if (this.#stopped) return;
    const { proposer, reads, node } = this.#options;
    reads.flush();
    if (!this.#saving) proposer.flush();
    while (node.hasReady()) this.#handle(node.ready());
  };

  #handle(ready: Ready): void {
    const { node, reads, send, apply, onSoftState } = this.#options;
    if (ready.softState !== undefined) onSoftState(ready.softState);
    if (ready.messages.length > 0) send(ready.messages);
    if (ready.readStates.length > 0) reads.confirm(ready.readStates);
    this.#toSave.push(ready);
    if (!this.#saving) this.#save();
    if (ready.committedEntries.length > 0) apply(ready.committedEntries);
    else if (ready.readStates.length > 0) reads.applied(node.appliedIndex);
  }

  /** Writes all that was accepted since the last write, as one batch where no snapshot divides it. */
  #save(): void {
    const batch = this.#takeBatch();
    const { readies } = batch;
    if (readies.length === 0) return;
    if (!readies.some(needsSave)) {
      this.#acknowledge(readies);
      this.#save();
      return;
    }
    this.#saving = true;
    this.#write(readies).then(
      () => this.#saved(batch),
      (error: unknown) => {
        this.#saving = false;
        this.#stopped = true;
        this.#idle?.();
        this.#options.onFault(error);
      },
    );
  }

  /**
   * A Ready with a snapshot begins a batch of its own: what follows it starts from there. What came
   * before the newest of several snapshots need not be written at all.
   */
  #takeBatch(): Batch {
    const newest = this.#toSave.findLastIndex(({ snapshot }) => snapshot !== undefined);
    const oldest = this.#toSave.findIndex(({ snapshot }) => snapshot !== undefined);
    if (oldest > 0) return { superseded: [], readies: this.#toSave.splice(0, oldest) };
    const readies = this.#toSave;
    this.#toSave = [];
    return { superseded: newest > 0 ? readies.splice(0, newest) : [], readies };
  }

  async #write(batch: readonly Ready[]): Promise<void> {
    const { snapshots, log } = this.#options;
    const first = batch[0];
    const snapshot = first?.snapshot;
    if (snapshot !== undefined) await snapshots.save(snapshot);
    const single = batch.length === 1 ? first : undefined;
    const entries = single?.entries ?? batch.flatMap((ready) => ready.entries);
    const hardState = batch.findLast((ready) => ready.hardState !== undefined)?.hardState;
    await log.append(hardState, entries, { sync: batch.some((ready) => ready.mustSync) });
    if (snapshot !== undefined) await snapshots.install(snapshot);
  }

  #saved({ superseded, readies }: Batch): void {
    this.#saving = false;
    for (const ready of superseded) this.#pass(ready);
    this.#acknowledge(readies);
    if (this.#stopped) {
      this.#idle?.();
      return;
    }
    this.#turn();
    if (!this.#saving) this.#save();
  }

  /** Nothing of it is on the disk but its term and vote, in what followed: no entry is promised. */
  #pass(ready: Ready): void {
    const votes = ready.messagesAfterSync.filter(({ type }) => type !== MessageType.AppResp);
    if (votes.length > 0) this.#options.send(votes);
    this.#options.node.saved(ready);
  }

  /** What the Readys promise together leaves in one piece, and of several positions the last. */
  #acknowledge(readies: readonly Ready[]): void {
    const { send, node } = this.#options;
    const promises =
      readies.length === 1
        ? readies[0]!.messagesAfterSync
        : newestPromises(readies.flatMap((ready) => ready.messagesAfterSync));
    if (promises.length > 0) send(promises);
    for (const ready of readies) node.saved(ready);
  }
}

/** What is written next. */
interface Batch {
  /** Those before the newest snapshot, beginning with an older one. */
  readonly superseded: readonly Ready[];
  readonly readies: readonly Ready[];
}

/** Leaves out each acknowledgement that the next message repeats with a later position. */
function newestPromises(messages: readonly Message[]): readonly Message[] {
  return messages.filter((message, i) => {
    const next = messages[i + 1];
    if (next === undefined || !isAcknowledgement(message) || !isAcknowledgement(next)) return true;
    return next.to !== message.to || next.term !== message.term || next.index < message.index;
  });
}

function isAcknowledgement(message: Message): boolean {
  return message.type === MessageType.AppResp && !message.reject;
}

function needsSave(ready: Ready): boolean {
  return ready.entries.length > 0 || ready.hardState !== undefined || ready.snapshot !== undefined;
}
