import { lastAtOrBelow } from "./last-at-or-below.js";

/** The part of a revision and its generation that a read needs; filled by lookups, reused. */
export interface FoundRevision {
  main: number;
  sub: number;
  /** Main revision that created the generation. */
  created: number;
  version: number;
}

/** What the tree holds of a key: its KeyIndex, or a number that stands for one in short. */
export type IndexEntry = number | KeyIndex;

/** A finished life of a key: its last revision is the tombstone. */
interface EndedGeneration {
  readonly created: number;
  /** Version that the tombstone would have. */
  readonly version: number;
  readonly mains: readonly number[];
  readonly subs: readonly number[];
}

/**
 * All revisions of one key, in generations; a generation runs from a key's creation to its
 * tombstone (etcd's keyIndex). A key that was put once, at sub 0 and without a lease, has no
 * KeyIndex at all: the tree holds its main revision as a plain number, which most keys of a large
 * store are.
 *
 *   ended[0]            ended[1]            live
 *   put put tombstone | put tombstone     | put put (main, sub)
 */
export class KeyIndex {
  /** Newest revision: a put of the live generation, or the tombstone of the last ended one. */
  main: number;
  sub: number;
  /** Of the live generation; `NOT_LIVE` when the key is deleted. */
  created: number;
  /** Of the newest revision. */
  version: number;
  /** The lease that the key is attached to; 0n is "none". */
  lease: bigint;
  /**
   * Revisions of the live generation before the newest, oldest first, `#olderCount` of them: what
   * follows them is room. Subs only if one isn't 0.
   */
  #olderMains: number[] | undefined = undefined;
  #olderSubs: number[] | undefined = undefined;
  #olderCount = 0;
  #ended: EndedGeneration[] | undefined = undefined;

  /** One live generation whose only known revision is this one. */
  constructor(revision: FoundRevision, lease: bigint) {
    this.main = revision.main;
    this.sub = revision.sub;
    this.created = revision.created;
    this.version = revision.version;
    this.lease = lease;
  }

  /** What a plain number in the tree stands for. */
  static ofCreation(main: number): KeyIndex {
    return new KeyIndex({ main, sub: 0, created: main, version: 1 }, 0n);
  }

  /** Never again once the tree has let go of this object, as `detach` says. */
  get isLive(): boolean {
    return this.created !== NOT_LIVE;
  }

  /** The tree holds something else of the key from now on; who still knows this one can tell. */
  detach(): void {
    this.created = NOT_LIVE;
  }

  put(main: number, sub: number, lease: bigint): void {
    if (this.created === NOT_LIVE) {
      this.created = main;
      this.version = 1;
    } else {
      this.#pushOlder(this.main, this.sub);
      this.version++;
    }
    this.main = main;
    this.sub = sub;
    this.lease = lease;
  }

  /** Ends the live generation, which must exist. */
  tombstone(main: number, sub: number): void {
    // Literals, because they are of exact size, and one request may delete all keys.
    let mains = [this.main, main];
    let subs = [this.sub, sub];
    const count = this.#olderCount;
    if (count > 0) {
      mains = [...this.#olderMains!.slice(0, count), ...mains];
      const olderSubs = this.#olderSubs?.slice(0, count) ?? new Array<number>(count).fill(0);
      subs = [...olderSubs, ...subs];
    }
    this.#end({ created: this.created, version: this.version + 1, mains, subs });
    this.main = main;
    this.sub = sub;
  }

  /** Turns the only revision, which a restore has just entered as a put, into a tombstone. */
  becomeTombstone(): void {
    this.#end({ created: 0, version: 1, mains: [this.main], subs: [this.sub] });
  }

  /** The revision that a read at `at` sees. @returns false when the key did not exist then */
  find(at: number, into: FoundRevision): boolean {
    if (this.created !== NOT_LIVE) {
      if (this.main <= at) {
        into.main = this.main;
        into.sub = this.sub;
        into.created = this.created;
        into.version = this.version;
        return true;
      }
      const older = this.#olderMains;
      if (older !== undefined && older[0]! <= at) {
        const i = lastAtOrBelow(older, this.#olderCount, at);
        into.main = older[i]!;
        into.sub = this.#olderSubs === undefined ? 0 : this.#olderSubs[i]!;
        into.created = this.created;
        into.version = this.version - (this.#olderCount - i);
        return true;
      }
    }
    return this.#ended !== undefined && findEnded(this.#ended, at, into);
  }

  /** Whether the index still knows this very revision, be it a put or a tombstone. */
  contains(main: number, sub: number): boolean {
    if (this.created !== NOT_LIVE) {
      if (this.main === main && this.sub === sub) return true;
      const mains = this.#olderMains;
      const count = this.#olderCount;
      if (mains !== undefined && has(mains, this.#olderSubs, count, { main, sub })) return true;
    }
    const isIn = ({ mains, subs }: EndedGeneration) =>
      has(mains, subs, mains.length, { main, sub });
    return this.#ended?.some(isIn) ?? false;
  }

  /**
   * Forgets what a compaction at `at` drops. The first generation that ended at or after `at`, or
   * else the last, keeps its newest revision at or below `at`; generations before it go.
   * @returns false when nothing is left of the key
   */
  compact(at: number): boolean {
    if (this.#ended !== undefined) {
      const kept = this.#ended.findIndex((ended) => ended.mains.at(-1)! >= at);
      if (kept === -1) this.#ended = undefined;
      else {
        this.#ended = this.#ended.slice(kept);
        this.#ended[0] = compactEnded(this.#ended[0]!, at);
        return true;
      }
    }
    if (this.created === NOT_LIVE) return false;
    this.#compactLive(at);
    return true;
  }

  /**
   * The one revision at or below `at` that a hash at `at` counts for this key, if any: what
   * `compact` would keep, but never a tombstone.
   */
  keep(at: number, into: FoundRevision): boolean {
    const ended = this.#ended?.find((candidate) => candidate.mains.at(-1)! >= at);
    if (ended === undefined) {
      if (this.created === NOT_LIVE || this.#firstMain() > at) return false;
      // Only the live generation can be found: every ended one is over before `at`.
      return this.find(at, into);
    }
    const i = lastAtOrBelow(ended.mains, ended.mains.length, at);
    if (i === -1 || i === ended.mains.length - 1) return false;
    into.main = ended.mains[i]!;
    into.sub = ended.subs[i]!;
    return true;
  }

  /** Calls `visitor` for every revision at or below `at`, put or tombstone, in no certain order. */
  visitUpTo(at: number, visitor: (main: number, sub: number) => void): void {
    for (const { mains, subs } of this.#ended ?? []) {
      const count = lastAtOrBelow(mains, mains.length, at) + 1;
      for (let i = 0; i < count; i++) visitor(mains[i]!, subs[i]!);
    }
    if (this.created === NOT_LIVE) return;
    const older = this.#olderMains;
    if (older !== undefined) {
      const count = lastAtOrBelow(older, this.#olderCount, at) + 1;
      for (let i = 0; i < count; i++) visitor(older[i]!, this.#olderSubs?.[i] ?? 0);
    }
    if (this.main <= at) visitor(this.main, this.sub);
  }

  /** The main revision, if this is all that the key's state says; see the class. */
  get single(): number | undefined {
    const isSingle =
      this.#olderMains === undefined &&
      this.#ended === undefined &&
      this.created === this.main &&
      this.version === 1 &&
      this.sub === 0 &&
      this.lease === 0n;
    return isSingle ? this.main : undefined;
  }

  #firstMain(): number {
    return this.#olderMains === undefined ? this.main : this.#olderMains[0]!;
  }

  #pushOlder(main: number, sub: number): void {
    const count = this.#olderCount++;
    if (sub !== 0 && this.#olderSubs === undefined) {
      this.#olderSubs = new Array<number>(count).fill(0);
    }
    this.#olderMains = withLast(this.#olderMains, count, main);
    if (this.#olderSubs !== undefined) this.#olderSubs = withLast(this.#olderSubs, count, sub);
  }

  #end(generation: EndedGeneration): void {
    if (this.#ended === undefined) this.#ended = [generation];
    else this.#ended.push(generation);
    this.#dropOlder();
    this.created = NOT_LIVE;
    this.version = 0;
    this.lease = 0n;
  }

  #compactLive(at: number): void {
    const mains = this.#olderMains;
    if (mains === undefined) return;
    const count = this.#olderCount;
    const gone = this.main <= at ? count : Math.max(0, lastAtOrBelow(mains, count, at));
    if (gone === 0) return;
    if (gone === count) {
      this.#dropOlder();
      return;
    }
    this.#olderMains = mains.slice(gone, count);
    this.#olderSubs = this.#olderSubs?.slice(gone, count);
    this.#olderCount = count - gone;
  }

  #dropOlder(): void {
    this.#olderMains = undefined;
    this.#olderSubs = undefined;
    this.#olderCount = 0;
  }
}

const NOT_LIVE = -1;

/** Lists up to this length double; beyond it `push` does, which reserves 16 places at least. */
const DOUBLED_LENGTH = 16;

/** Takes over `list`, whose first `count` places are used. */
function withLast(list: number[] | undefined, count: number, last: number): number[] {
  if (list === undefined) return [last];
  if (count < list.length) {
    list[count] = last;
    return list;
  }
  if (count >= DOUBLED_LENGTH) {
    list.push(last);
    return list;
  }
  const grown = new Array<number>(2 * count);
  for (let i = 0; i < count; i++) grown[i] = list[i]!;
  grown[count] = last;
  return grown;
}

function findEnded(ended: readonly EndedGeneration[], at: number, into: FoundRevision): boolean {
  for (let g = ended.length - 1; g >= 0; g--) {
    const { mains, subs, created, version } = ended[g]!;
    if (mains[mains.length - 1]! <= at) return false;
    if (mains[0]! > at) continue;
    const i = lastAtOrBelow(mains, mains.length, at);
    into.main = mains[i]!;
    into.sub = subs[i]!;
    into.created = created;
    into.version = version - (mains.length - 1 - i);
    return true;
  }
  return false;
}

function has(
  mains: readonly number[],
  subs: readonly number[] | undefined,
  count: number,
  wanted: { readonly main: number; readonly sub: number },
): boolean {
  const { main, sub } = wanted;
  for (let i = lastAtOrBelow(mains, count, main); i >= 0 && mains[i] === main; i--) {
    if ((subs === undefined ? 0 : subs[i]) === sub) return true;
  }
  return false;
}

function compactEnded(ended: EndedGeneration, at: number): EndedGeneration {
  const kept = Math.max(0, lastAtOrBelow(ended.mains, ended.mains.length, at));
  if (kept === 0) return ended;
  return { ...ended, mains: ended.mains.slice(kept), subs: ended.subs.slice(kept) };
}
