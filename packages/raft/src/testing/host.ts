import { assert, createPrng, type LogIndex, type MemberId, type Prng } from "@kvorum/base";
import { decodeConfChange } from "../conf-change-codec.js";
import type { RawNode, RawNodeOptions, Ready } from "../node.js";
import { createRawNode } from "../raw-node.js";
import {
  type ConfState,
  type Entry,
  EntryType,
  type Message,
  type ReadState,
  type Snapshot,
} from "../types.js";
import { type Disk, decodeState, decodeText, encodeState } from "./disk.js";

export type HostTuning = Partial<
  Omit<
    RawNodeOptions,
    "id" | "hardState" | "confState" | "compacted" | "entries" | "applied" | "snapshot"
  >
>;

/** Where messages and answered reads go. */
export interface HostSinks {
  readonly send: (message: Message) => void;
  readonly read?: (state: ReadState) => void;
  /** Called with each entry as the application applies it. */
  readonly applied?: (entry: Entry) => void;
}

/**
 * A member with a simulated disk and application, for tests: it drives a RawNode exactly as the
 * contract of Ready asks, but lets the test decide when a Ready is saved and when it is applied.
 */
export class Host {
  readonly id: MemberId;
  readonly disk: Disk;
  node: RawNode;
  /** The data of all normal entries applied, in order. */
  state: string[] = [];
  applied: LogIndex = 0;
  confState: ConfState;
  readonly #tuning: HostTuning;
  readonly #sinks: HostSinks;
  #saving: Ready[] = [];
  #applying: (readonly Entry[])[] = [];

  constructor(
    id: MemberId,
    setup: { readonly disk: Disk; readonly tuning: HostTuning; readonly sinks: HostSinks },
  ) {
    this.id = id;
    this.disk = setup.disk;
    this.#tuning = setup.tuning;
    this.#sinks = setup.sinks;
    this.confState = setup.disk.confState;
    this.node = this.restart();
  }

  get savesInFlight(): number {
    return this.#saving.length;
  }
  get hasToApply(): boolean {
    return this.#applying.length > 0;
  }

  /** Begins anew from the disk; all that was only in memory is gone. */
  restart(): RawNode {
    const { disk } = this;
    this.#saving = [];
    this.#applying = [];
    this.state = [...disk.checkpoint];
    this.applied = disk.applied;
    this.confState = disk.confState;
    this.node = createRawNode({
      ...defaultTuning(createPrng(Number(this.id))),
      ...this.#tuning,
      id: this.id,
      hardState: disk.hardState,
      confState: disk.confState,
      compacted: disk.compacted,
      entries: disk.entries.slice(),
      applied: disk.applied,
      snapshot: () => this.snapshot(),
    });
    return this.node;
  }

  /** Takes a Ready, sends what may travel at once, and queues the rest. */
  take(): Ready {
    const ready = freeze(this.node.ready());
    this.#saving.push(ready);
    for (const message of ready.messages) this.#sinks.send(message);
    for (const state of ready.readStates) this.#sinks.read?.(state);
    if (ready.committedEntries.length > 0) this.#applying.push(ready.committedEntries);
    return ready;
  }

  /** The oldest Ready in flight is durable. */
  save(): void {
    const ready = this.#saving.shift();
    assert(ready !== undefined, "nothing to save");
    this.#write(ready, ready.entries.length);
    if (ready.snapshot !== undefined) this.#install(ready.snapshot);
    for (const message of ready.messagesAfterSync) this.#sinks.send(message);
    this.node.saved(ready);
  }

  /**
   * Power fails. Of the Readys in flight, `whole` reached the disk, and some entries of the next.
   */
  crash({ whole, entriesOfNext }: { whole: number; entriesOfNext: number }): void {
    for (let i = 0; i < whole && i < this.#saving.length; i++) {
      this.#write(this.#saving[i]!, this.#saving[i]!.entries.length);
    }
    const next = this.#saving[whole];
    if (next !== undefined && entriesOfNext > 0 && next.snapshot === undefined) {
      this.disk.append(next.entries.slice(0, entriesOfNext));
    }
    this.restart();
  }

  apply(): void {
    for (const entry of this.#applying.shift() ?? []) this.#applyEntry(entry);
    this.node.applied(this.applied);
  }

  /** Takes, saves and applies one Ready at once. */
  handleReady(): Ready {
    const ready = this.take();
    this.save();
    while (this.hasToApply) this.apply();
    return ready;
  }

  /** Makes a checkpoint of the application and forgets the log but for `kept` entries before it. */
  compact(kept: number): void {
    const { disk } = this;
    disk.checkpoint = [...this.state];
    disk.confState = this.confState;
    disk.applied = this.applied;
    disk.compact(this.applied - kept);
    this.node.compact(this.applied - kept);
  }

  /** Forgets, in memory alone, what every other member holds: a leader does so. */
  trim(): void {
    this.node.compact(Math.min(this.applied, this.node.matchedByAll));
  }

  snapshot(): Snapshot | undefined {
    const term = this.node.termAt(this.applied);
    if (term === undefined || this.applied === 0) return undefined;
    return {
      metadata: { index: this.applied, term, confState: this.confState },
      data: encodeState(this.state),
    };
  }

  #write(ready: Ready, entries: number): void {
    if (ready.snapshot !== undefined) this.disk.restore(ready.snapshot);
    this.disk.append(ready.entries.slice(0, entries));
    if (ready.hardState !== undefined) this.disk.hardState = ready.hardState;
  }

  #install(snapshot: Snapshot): void {
    this.#applying = [];
    this.state = [...decodeState(snapshot.data)];
    this.applied = snapshot.metadata.index;
    this.confState = snapshot.metadata.confState;
  }

  #applyEntry(entry: Entry): void {
    assert(entry.index === this.applied + 1, `applied ${entry.index} after ${this.applied}`);
    this.applied = entry.index;
    if (entry.type === EntryType.Normal) {
      if (entry.data.length > 0) this.state.push(decodeText(entry.data));
    } else {
      const change = decodeConfChange(entry.type, entry.data);
      assert(change !== undefined, `unreadable conf change at ${entry.index}`);
      this.confState = this.node.applyConfChange(change);
    }
    this.#sinks.applied?.(entry);
  }
}

/** etcd's settings, but neither PreVote nor CheckQuorum unless a test asks for them. */
function defaultTuning(prng: Prng): Required<Omit<HostTuning, "log">> {
  return {
    electionTicks: 10,
    heartbeatTicks: 1,
    preVote: false,
    checkQuorum: false,
    messageBytesMax: 1 << 20,
    inflightMessagesMax: 512,
    inflightBytesMax: 0,
    uncommittedBytesMax: 0,
    committedBytesMax: 1 << 20,
    disableForwarding: false,
    prng,
  };
}

/** Whoever changes what both sides own finds an error instead of a puzzle. */
function freeze(ready: Ready): Ready {
  for (const message of [...ready.messages, ...ready.messagesAfterSync]) {
    Object.freeze(message);
    Object.freeze(message.entries);
  }
  Object.freeze(ready.entries);
  Object.freeze(ready.committedEntries);
  return Object.freeze(ready);
}
