import { assert, type LogIndex, type Term, violated } from "@kvorum/base";
import { Durability } from "./durability.js";
import { raftLimits } from "./limits.js";
import { entryBytes, noEntries } from "./messages.js";
import { type Entry, EntryType, type Snapshot } from "./types.js";

/**
 * The log in memory, and how far it is committed, handed to the application and applied.
 *
 * ```
 *   compacted < first ... applied <= delivered <= committed <= last
 *                                    delivered <= durable   <= last
 * ```
 *
 * Entries live in one array: the slot of index i is i - #base. Compaction only clears slots; the
 * array moves once more than half of it is dead, so its cost is constant per entry. Arrays handed
 * out are copies and are never changed.
 */
export class RaftLog {
  #entries: Entry[];
  /** Index of slot 0; slots below the first index are dead. */
  #base: LogIndex;
  #compactedIndex: LogIndex;
  #compactedTerm: Term;
  #lastIndex: LogIndex;
  #committed: LogIndex;
  #delivered: LogIndex;
  #applied: LogIndex;
  readonly #durability: Durability;
  /** A snapshot that took the place of the log and is not saved yet. */
  #pendingSnapshot: Snapshot | undefined;
  #snapshotHanded = false;
  /** The last slice cut, shared by all messages and the Ready that want the same one. */
  #cut: readonly Entry[] = noEntries;

  constructor(disk: {
    readonly compacted: { readonly index: LogIndex; readonly term: Term };
    readonly entries: readonly Entry[];
    readonly commit: LogIndex;
    readonly applied: LogIndex;
  }) {
    this.#compactedIndex = disk.compacted.index;
    this.#compactedTerm = disk.compacted.term;
    this.#base = disk.compacted.index + 1;
    this.#entries = disk.entries.slice();
    this.#lastIndex = disk.compacted.index + disk.entries.length;
    this.#committed = Math.max(disk.commit, disk.applied, disk.compacted.index);
    this.#applied = Math.max(disk.applied, disk.compacted.index);
    this.#delivered = this.#applied;
    this.#durability = new Durability(this.#lastIndex);
    assert(
      this.#committed <= this.#lastIndex,
      `state.commit ${this.#committed} is out of range ` +
        `[${this.#compactedIndex}, ${this.#lastIndex}]`,
    );
    for (let i = 0; i < this.#entries.length; i++) {
      const { index } = this.#entries[i]!;
      assert(index === this.#base + i, `log has entry ${index} in place of ${this.#base + i}`);
    }
  }

  get firstIndex(): LogIndex {
    return this.#compactedIndex + 1;
  }
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }
  get lastTerm(): Term {
    return this.#termOf(this.#lastIndex);
  }
  get committed(): LogIndex {
    return this.#committed;
  }
  get applied(): LogIndex {
    return this.#applied;
  }
  get durable(): LogIndex {
    return this.#durability.durable;
  }
  get pendingSnapshot(): Snapshot | undefined {
    return this.#pendingSnapshot;
  }

  /** The term of the entry at `index`; undefined when compacted or not there yet. */
  termAt(index: LogIndex): Term | undefined {
    if (index < this.#compactedIndex || index > this.#lastIndex) return undefined;
    return this.#termOf(index);
  }

  entryAt(index: LogIndex): Entry {
    if (index <= this.#compactedIndex || index > this.#lastIndex) {
      violated(`entry ${index} is outside [${this.firstIndex}, ${this.#lastIndex}]`);
    }
    return this.#entries[index - this.#base]!;
  }

  /** Whether a log that ends with (index, term) holds all that this one may have committed. */
  isUpToDate(index: LogIndex, term: Term): boolean {
    const ownTerm = this.lastTerm;
    return term > ownTerm || (term === ownTerm && index >= this.#lastIndex);
  }

  /** Appends one normal entry for each of `data`. */
  appendData(term: Term, data: readonly Uint8Array[]): void {
    let index = this.#lastIndex;
    for (let i = 0; i < data.length; i++) {
      index++;
      this.#entries.push({ type: EntryType.Normal, term, index, data: data[i]! });
    }
    this.#lastIndex = index;
  }

  /** Appends one entry. */
  append(term: Term, type: EntryType, data: Uint8Array): void {
    this.#lastIndex++;
    this.#entries.push({ type, term, index: this.#lastIndex, data });
  }

  /**
   * Takes over what a leader sent after position (previousIndex, previousTerm), cutting away own
   * entries that differ (Raft paper, figure 2, AppendEntries 2 to 4).
   * @returns the last index that surely equals the leader's log, or undefined if the position
   *   isn't in this log.
   */
  merge(
    previousIndex: LogIndex,
    previousTerm: Term,
    entries: readonly Entry[],
  ): number | undefined {
    if (this.termAt(previousIndex) !== previousTerm) return undefined;
    const count = entries.length;
    let known = 0;
    while (known < count && this.termAt(previousIndex + 1 + known) === entries[known]!.term)
      known++;
    if (known < count) {
      const from = previousIndex + 1 + known;
      if (from <= this.#committed) violated(`entry ${from} conflicts with committed entry`);
      if (from <= this.#lastIndex) this.#truncateFrom(from);
      for (let i = known; i < count; i++) {
        const entry = entries[i]!;
        if (entry.index !== previousIndex + 1 + i) violated(`MsgApp has a gap at ${entry.index}`);
        this.#entries.push(entry);
      }
      this.#lastIndex = previousIndex + count;
    }
    return previousIndex + count;
  }

  /**
   * The largest position at or below `index` whose term isn't above `term`: the two logs can't
   * match after it, because terms only grow within a log.
   */
  conflictHint(index: LogIndex, term: Term): { readonly index: LogIndex; readonly term: Term } {
    for (let i = index; i > 0; i--) {
      const own = this.termAt(i);
      if (own === undefined) return { index: i, term: 0 };
      if (own <= term) return { index: i, term: own };
    }
    return { index: 0, term: 0 };
  }

  /** Raises the commit index; a lower value changes nothing. */
  commitTo(index: LogIndex): void {
    if (index <= this.#committed) return;
    if (index > this.#lastIndex) {
      violated(
        `tocommit(${index}) is out of range [lastIndex(${this.#lastIndex})]. ` +
          "Was the raft log corrupted, truncated, or lost?",
      );
    }
    this.#committed = index;
  }

  /** Entries from `low` on: at least one if there is one, then as many as fit `bytesMax`. */
  slice(low: LogIndex, bytesMax: number): readonly Entry[] {
    if (low > this.#lastIndex) return noEntries;
    return this.#cutTo(low, this.#fit(low, this.#lastIndex, bytesMax));
  }

  hasUnhanded(): boolean {
    return this.#durability.handed < this.#lastIndex;
  }

  /** The entries to save next; counts as one save in flight even when there are none. */
  beginSave(): readonly Entry[] {
    const low = this.#durability.handed + 1;
    this.#durability.begin(this.#lastIndex);
    return low > this.#lastIndex ? noEntries : this.#cutTo(low, this.#lastIndex);
  }

  endSave(): void {
    this.#durability.end();
  }

  hasUnhandedSnapshot(): boolean {
    return this.#pendingSnapshot !== undefined && !this.#snapshotHanded;
  }

  takeSnapshot(): Snapshot | undefined {
    if (!this.hasUnhandedSnapshot()) return undefined;
    this.#snapshotHanded = true;
    return this.#pendingSnapshot;
  }

  /** The snapshot at `index` is saved; unless a newer one replaced it, entries flow again. */
  snapshotSaved(index: LogIndex): void {
    if (this.#pendingSnapshot?.metadata.index === index) {
      this.#pendingSnapshot = undefined;
      this.#snapshotHanded = false;
    }
    if (index > this.#applied) this.#applied = index;
  }

  hasDeliverable(): boolean {
    return this.#pendingSnapshot === undefined && this.#delivered < this.#deliverable();
  }

  /** The next committed entries that are durable here, within `bytesMax`, at least one. */
  deliver(bytesMax: number): readonly Entry[] {
    if (!this.hasDeliverable()) return noEntries;
    const low = this.#delivered + 1;
    const high = this.#fit(low, this.#deliverable(), bytesMax);
    this.#delivered = high;
    return this.#cutTo(low, high);
  }

  appliedTo(index: LogIndex): void {
    if (index <= this.#applied) return;
    if (index > this.#delivered) {
      violated(
        `applied(${index}) is out of range ` +
          `[prevApplied(${this.#applied}), committed(${this.#committed})]`,
      );
    }
    this.#applied = index;
  }

  /** A leader's snapshot replaces everything. */
  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.#entries = [];
    this.#base = index + 1;
    this.#compactedIndex = index;
    this.#compactedTerm = term;
    this.#lastIndex = index;
    this.#committed = index;
    this.#delivered = index;
    this.#durability.restore(index);
    this.#pendingSnapshot = snapshot;
    this.#snapshotHanded = false;
    this.#cut = noEntries;
  }

  /** Forgets entries up to `index`, which must be applied; a lower index than before is ignored. */
  compact(index: LogIndex): void {
    if (index <= this.#compactedIndex) return;
    assert(index <= this.#applied, `compact ${index} is above applied ${this.#applied}`);
    const term = this.#termOf(index);
    const alive = index + 1 - this.#base;
    // Dead slots must not keep the bytes of old entries alive until the array moves.
    this.#entries.fill(deadEntry, this.#compactedIndex + 1 - this.#base, alive);
    this.#compactedIndex = index;
    this.#compactedTerm = term;
    if (alive >= raftLimits.deadSlotsMin && alive * 2 >= this.#entries.length) {
      this.#entries = this.#entries.slice(alive);
      this.#base = index + 1;
    }
    this.#cut = noEntries;
  }

  #termOf(index: LogIndex): Term {
    return index === this.#compactedIndex
      ? this.#compactedTerm
      : this.#entries[index - this.#base]!.term;
  }

  #deliverable(): LogIndex {
    return Math.min(this.#committed, this.#durability.durable);
  }

  /** The last index up to `high` so that the entries from `low` on stay within `bytesMax`. */
  #fit(low: LogIndex, high: LogIndex, bytesMax: number): LogIndex {
    const entries = this.#entries;
    const end = high - this.#base;
    let bytes = 0;
    for (let slot = low - this.#base; slot <= end; slot++) {
      bytes += entryBytes(entries[slot]!);
      if (bytes > bytesMax) return Math.max(low, this.#base + slot - 1);
    }
    return high;
  }

  #cutTo(low: LogIndex, high: LogIndex): readonly Entry[] {
    const cut = this.#cut;
    if (cut.length === high - low + 1 && cut[0]!.index === low) return cut;
    this.#cut = this.#entries.slice(low - this.#base, high + 1 - this.#base);
    return this.#cut;
  }

  #truncateFrom(index: LogIndex): void {
    this.#entries.length = index - this.#base;
    this.#lastIndex = index - 1;
    this.#durability.truncate(index - 1);
    this.#cut = noEntries;
  }
}

const deadEntry: Entry = { type: EntryType.Normal, term: 0, index: 0, data: new Uint8Array(0) };
