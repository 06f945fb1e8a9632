// Step 8 of the write path: FIFO apply, skipping what consistentIndex has passed.
import { type DecodedProposal, decodeProposal } from "@kvorum/api";
import { assert, type Clock, type LogIndex, type Term, violated } from "@kvorum/base";
import { type ConfChange, decodeConfChange, type Entry, EntryType } from "@kvorum/raft";
import type { AppliedResponse } from "../consensus/applied-response.js";
import type { ProposalOwner } from "../consensus/pending-proposals.js";
import { serverLimits } from "../limits.js";
import { isRefusal } from "./applier.js";

export interface ApplyLoopOptions {
  readonly clock: Clock;
  /** What the engine holds already. */
  readonly consistentIndex: LogIndex;
  readonly consistentTerm: Term;
  readonly apply: (proposal: DecodedProposal, index: LogIndex) => AppliedResponse;
  /** The proposer of an entry on this member, if it still waits. */
  readonly takeOwner: (high: number, low: number) => ProposalOwner | undefined;
  readonly applyConfChange: (change: ConfChange, index: LogIndex) => void;
  /** An entry without data: a leader's first, or one in the place of a conf change it dropped. */
  readonly onEmptyEntry: (entry: { readonly term: Term; readonly opensTerm: boolean }) => void;
  /** Told of each entry just before its effects, so that both reach the engine together. */
  readonly onEntry: (entry: Entry) => void;
  /** The engine can't keep up: entries wait until it has caught up. */
  readonly underPressure: () => boolean;
  /** Entries up to here are applied; called once a batch. */
  readonly onApplied: (index: LogIndex) => void;
  /** How long it took, in milliseconds. @param response undefined: the request was refused */
  readonly onOutcome: (
    proposal: DecodedProposal,
    response: AppliedResponse | undefined,
    tookMs: number,
  ) => void;
}

/** Replaces the store's content; resolves to the position that the new content stands for. */
export type Install = () => Promise<{ readonly index: LogIndex; readonly term: Term }>;

interface QueuedInstall {
  readonly install: Install;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Applies committed entries in order, each exactly once. `appliedIndex` moves with the effects of
 * its entry in the same turn, so a commit of the engine always holds both or neither: a replay after
 * a crash begins exactly behind what the engine has.
 */
export class ApplyLoop {
  readonly #options: ApplyLoopOptions;
  readonly #queue: (readonly Entry[] | QueuedInstall)[] = [];
  #head = 0;
  #waiting = false;
  #stopped = false;
  /** When the entry before the present one was done. */
  #nowMs = 0;
  #appliedIndex: LogIndex;
  #appliedTerm: Term;

  constructor(options: ApplyLoopOptions) {
    this.#options = options;
    this.#appliedIndex = options.consistentIndex;
    this.#appliedTerm = options.consistentTerm;
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  get appliedTerm(): Term {
    return this.#appliedTerm;
  }

  /** Committed entries, in log order. */
  push(entries: readonly Entry[]): void {
    this.#queue.push(entries);
    if (!this.#waiting) this.#run();
  }

  /** Takes a snapshot of the leader, behind the entries that came before it. */
  install(install: Install): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ install, resolve, reject });
      if (!this.#waiting) this.#run();
    });
  }

  stop(): void {
    this.#stopped = true;
  }

  #run = (): void => {
    this.#waiting = false;
    if (this.#stopped) return;
    const { onApplied, underPressure, clock } = this.#options;
    this.#nowMs = clock.nowMs();
    let budget: number = serverLimits.applyEntriesPerTurnMax;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if ("install" in next) {
        this.#install(next);
        return;
      }
      if (budget <= 0 || underPressure()) {
        this.#continueLater(budget <= 0);
        break;
      }
      budget -= this.#applySome(next, budget);
    }
    onApplied(this.#appliedIndex);
  };

  /** Applies up to `most` entries of the first batch; returns how many. */
  #applySome(batch: readonly Entry[], most: number): number {
    const end = Math.min(batch.length, this.#head + most);
    const count = end - this.#head;
    for (; this.#head < end; this.#head++) {
      const entry = batch[this.#head];
      assert(entry !== undefined, "an entry stands at each place of a batch");
      this.#applyEntry(entry);
    }
    if (this.#head === batch.length) {
      this.#queue.shift();
      this.#head = 0;
    }
    return count;
  }

  #install({ install, resolve, reject }: QueuedInstall): void {
    this.#waiting = true;
    install().then(({ index, term }) => {
      this.#queue.shift();
      this.#appliedIndex = index;
      this.#appliedTerm = term;
      resolve();
      this.#run();
    }, reject);
  }

  #continueLater(soon: boolean): void {
    this.#waiting = true;
    if (soon) this.#options.clock.soon(this.#run);
    else this.#options.clock.after(1, this.#run);
  }

  #applyEntry(entry: Entry): void {
    if (entry.index <= this.#appliedIndex) return;
    if (entry.index !== this.#appliedIndex + 1) {
      violated(`entries are applied without gap: ${entry.index} follows ${this.#appliedIndex}`);
    }
    const { term } = entry;
    const opensTerm = term !== this.#appliedTerm;
    this.#appliedIndex = entry.index;
    this.#appliedTerm = term;
    this.#options.onEntry(entry);
    switch (entry.type) {
      case EntryType.Normal:
        if (entry.data.length === 0) this.#options.onEmptyEntry({ term, opensTerm });
        else this.#applyNormal(entry.data);
        break;
      case EntryType.ConfChange:
        this.#applyConfChange(entry);
        break;
      default:
        assert(false, `entry ${entry.index} has a type that no member proposes: ${entry.type}`);
    }
  }

  #applyConfChange(entry: Entry): void {
    const change = decodeConfChange(entry.type, entry.data);
    assert(
      change !== undefined && !("changes" in change),
      `entry ${entry.index} holds a conf change that can be read`,
    );
    this.#options.applyConfChange(change, entry.index);
  }

  #applyNormal(data: Uint8Array): void {
    const { takeOwner, apply } = this.#options;
    const proposal = decodeProposal(data);
    const owner = takeOwner(proposal.idHigh, proposal.idLow);
    let response: AppliedResponse;
    try {
      response = apply(proposal, this.#appliedIndex);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#measure(proposal, undefined);
      owner?.failed(error);
      return;
    }
    this.#measure(proposal, response);
    owner?.applied(response);
  }

  /** The end of one entry is the start of the next: the clock is asked once each. */
  #measure(proposal: DecodedProposal, response: AppliedResponse | undefined): void {
    const startMs = this.#nowMs;
    this.#nowMs = this.#options.clock.nowMs();
    this.#options.onOutcome(proposal, response, this.#nowMs - startMs);
  }
}
