import { assert, type LogIndex, type MemberId, type Term } from "@kvorum/base";
import { type Entry, EntryType, type ReadState } from "../types.js";
import { bytesKey } from "./disk.js";
import type { Host } from "./host.js";

/** What one member looked like after the last action on it. */
interface Sight {
  readonly node: unknown;
  readonly term: Term;
  readonly isLeader: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term | undefined;
}

/**
 * The guarantees of Raft (paper, figure 3), and linearizable reads, checked from outside while a
 * simulated group runs. Knows all that ever happened, which no member does.
 */
export class Invariants {
  readonly #leaders = new Map<Term, MemberId>();
  /** "index:term" of every entry that any log ever held, to its content and the term before it. */
  readonly #entries = new Map<string, string>();
  /** What was committed at each index, and the lowest term in which some member knew it. */
  readonly #committed: { entryTerm: Term; knownIn: Term }[] = [];
  readonly #applied: string[] = [];
  readonly #configurations = new Map<LogIndex, string>();
  readonly #sights = new Map<MemberId, Sight>();
  readonly #reads = new Map<string, LogIndex>();
  answeredReads = 0;

  get maxCommitted(): LogIndex {
    return this.#committed.length;
  }

  /** To be called after each action on `host`. */
  observe(host: Host): void {
    this.#observeLeader(host);
    this.#observeCommit(host);
    const { node } = host;
    const { term, isLeader, lastIndex } = node;
    const lastTerm = node.termAt(lastIndex);
    this.#sights.set(host.id, { node, term, isLeader, lastIndex, lastTerm });
  }

  /** Log matching: an index and a term name one entry and, by induction, all before it. */
  observeEntries(host: Host, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const key = `${entry.index}:${entry.term}`;
      const before = this.#termBefore(host, entry, entries);
      if (before === undefined) continue;
      const content = `${before}|${entry.type}|${bytesKey(entry.data)}`;
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, content);
      else assert(known === content, `log matching: ${host.id} has another entry at ${key}`);
    }
  }

  /** A committed entry may only be delivered once this member's disk holds it. */
  observeDelivery(host: Host, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const onDisk = host.disk.entries[entry.index - host.disk.compacted.index - 1];
      const same = onDisk?.term === entry.term && onDisk.index === entry.index;
      assert(same, `${host.id} delivers ${entry.index}, which isn't on its disk`);
    }
  }

  /** State machine safety: no two members apply different entries at one index. */
  observeApplied(host: Host, entry: Entry): void {
    const content = `${entry.term}|${entry.type}|${bytesKey(entry.data)}`;
    const known = this.#applied[entry.index];
    if (known === undefined) this.#applied[entry.index] = content;
    else assert(known === content, `${host.id} applies another entry at ${entry.index}`);
    if (entry.type !== EntryType.Normal) this.#observeConfiguration(host, entry.index);
  }

  readBegins(context: string): void {
    this.#reads.set(context, this.maxCommitted);
  }

  /** Whatever was committed before a read began is in its result. */
  readEnds(host: Host, state: ReadState): void {
    const atLeast = this.#reads.get(bytesKey(state.context));
    assert(atLeast !== undefined, `${host.id} answers a read that nobody asked`);
    assert(state.index >= atLeast, `stale read at ${host.id}: ${state.index} below ${atLeast}`);
    this.answeredReads++;
  }

  #observeLeader(host: Host): void {
    const { node, id } = host;
    if (!node.isLeader) return;
    const leader = this.#leaders.get(node.term);
    if (leader === undefined) this.#leaders.set(node.term, id);
    else assert(leader === id, `election safety: ${leader} and ${id} lead term ${node.term}`);
    const before = this.#sights.get(id);
    const isSame = before?.node === node && before.isLeader && before.term === node.term;
    if (!isSame) {
      this.#checkCompleteness(host);
      return;
    }
    assert(node.lastIndex >= before.lastIndex, `leader append-only: ${id} cut its log`);
    const term = node.termAt(before.lastIndex);
    assert(
      term === undefined || term === before.lastTerm,
      `leader append-only: ${id} replaced ${before.lastIndex}`,
    );
  }

  /** Leader completeness: a new leader has all that was committed in terms before its own. */
  #checkCompleteness(host: Host): void {
    const { node, id } = host;
    // What a member has forgotten, on the disk or in memory alone, it had applied.
    const first = Math.max(host.disk.compacted.index + 1, node.status().firstIndex);
    for (let index = first; index <= this.#committed.length; index++) {
      const { entryTerm, knownIn } = this.#committed[index - 1]!;
      if (knownIn >= node.term) continue;
      const own = node.termAt(index);
      assert(own === entryTerm, `leader completeness: ${id} at term ${node.term} lacks ${index}`);
    }
  }

  #observeCommit(host: Host): void {
    const { node, id } = host;
    for (let index = node.committedIndex; index > 0; index--) {
      const term = node.termAt(index);
      if (term === undefined) break;
      const known = this.#committed[index - 1];
      if (known !== undefined) {
        assert(known.entryTerm === term, `${id} commits another entry at ${index}`);
        if (known.knownIn <= node.term) break;
        known.knownIn = node.term;
      } else {
        this.#committed[index - 1] = { entryTerm: term, knownIn: node.term };
      }
    }
  }

  #observeConfiguration(host: Host, index: LogIndex): void {
    const { voters, votersOutgoing, learners } = host.confState;
    const config = `${voters}|${votersOutgoing}|${learners}`;
    const known = this.#configurations.get(index);
    if (known === undefined) this.#configurations.set(index, config);
    else assert(known === config, `${host.id} has configuration ${config} at ${index}`);
  }

  #termBefore(host: Host, entry: Entry, entries: readonly Entry[]): Term | undefined {
    const at = entry.index - entries[0]!.index;
    return at > 0 ? entries[at - 1]!.term : host.node.termAt(entry.index - 1);
  }
}
