// Step 6 of the write path: append to the WAL, send to followers; steps 7 and 8 hang on it.
import type { Clock } from "@kvorum/base";
import type { Entry, HardState, Message, RawNode, Ready, Snapshot, SoftState } from "@kvorum/raft";
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
  /** Makes a received snapshot durable and takes it into the store, before what follows it. */
  readonly takeSnapshot: (snapshot: Snapshot) => Promise<void>;
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
    const last = batch[batch.length - 1];
    if (last === undefined) return;
    if (!batch.some(needsSave)) {
      for (const ready of batch) this.#acknowledge(ready);
      this.#save();
      return;
    }
    this.#saving = true;
    this.#write(batch).then(
      () => this.#saved(batch),
      (error: unknown) => {
        this.#saving = false;
        this.#stopped = true;
        this.#idle?.();
        this.#options.onFault(error);
      },
    );
  }

  /** A Ready with a snapshot begins a batch of its own: what follows it starts from there. */
  #takeBatch(): Ready[] {
    const divider = this.#toSave.findIndex((ready, i) => i > 0 && ready.snapshot !== undefined);
    if (divider > 0) return this.#toSave.splice(0, divider);
    const all = this.#toSave;
    this.#toSave = [];
    return all;
  }

  async #write(batch: readonly Ready[]): Promise<void> {
    const { takeSnapshot, log } = this.#options;
    const first = batch[0];
    if (first?.snapshot !== undefined) await takeSnapshot(first.snapshot);
    const single = batch.length === 1 ? first : undefined;
    const entries = single?.entries ?? batch.flatMap((ready) => ready.entries);
    const hardState = batch.findLast((ready) => ready.hardState !== undefined)?.hardState;
    await log.append(hardState, entries, { sync: batch.some((ready) => ready.mustSync) });
  }

  #saved(batch: readonly Ready[]): void {
    this.#saving = false;
    for (const ready of batch) this.#acknowledge(ready);
    if (this.#stopped) {
      this.#idle?.();
      return;
    }
    this.#turn();
    if (!this.#saving) this.#save();
  }

  #acknowledge(ready: Ready): void {
    if (ready.messagesAfterSync.length > 0) this.#options.send(ready.messagesAfterSync);
    this.#options.node.saved(ready);
  }
}

function needsSave(ready: Ready): boolean {
  return ready.entries.length > 0 || ready.hardState !== undefined || ready.snapshot !== undefined;
}
