import { limits } from "./limits.js";
import type { WriteGeneration } from "./write-buffer.js";

/**
 * Records by revision, bounded in bytes. Two parts:
 *
 * - *recent*: the generations that were committed last, taken over whole, so that caching a write
 *   costs nothing; the oldest goes first. What is read of them is copied, and takes as much again.
 * - *read*: records that came from the engine, in two maps. A hit in the old map moves the record
 *   to the young one; when the young one is full it becomes the old one and the old one is dropped.
 *   This keeps what is used, as an LRU does, without a list to relink on every read. What a long
 *   scan reads only takes free room: scans of more than the cache holds would else drop each record
 *   just before they come to it again. So that nothing stays for ever, what scans were denied counts,
 *   and a multiple of the room drops the old map.
 */
export class ValueCache {
  readonly #recentBytesMax: number;
  readonly #readBytesMax: number;
  readonly #recent: WriteGeneration[] = [];
  #recentBytes = 0;
  #young = new Map<number, Uint8Array>();
  #old = new Map<number, Uint8Array>();
  #youngBytes = 0;
  /** Bytes that scans missed and had no room for since the last change of maps. */
  #deniedBytes = 0;

  constructor(bounds: { readonly recentBytes: number; readonly readBytes: number }) {
    this.#recentBytesMax = bounds.recentBytes;
    this.#readBytesMax = bounds.readBytes;
  }

  /** Owns the generation from now on. */
  takeOver(generation: WriteGeneration): void {
    if (generation.firstMain === undefined) {
      generation.release();
      return;
    }
    this.#recent.push(generation);
    this.#recentBytes += generation.bytes;
    while (
      this.#recent.length > 0 &&
      (this.#recentBytes > this.#recentBytesMax ||
        this.#recent.length > limits.recentGenerationsMax)
    ) {
      const dropped = this.#recent.shift()!;
      this.#recentBytes -= dropped.bytes;
      dropped.release();
    }
  }

  /** The committed generations still held, in revision order. */
  get recent(): readonly WriteGeneration[] {
    return this.#recent;
  }

  /** @param isScan the record is one of many that are read once, in order */
  get(main: number, sub: number, isScan = false): Uint8Array | undefined {
    const recent = this.#recent;
    if (recent.length !== 0 && main >= recent[0]!.firstMain!) {
      const record = recent[lastFrom(recent, main)]!.record(main, sub);
      if (record !== undefined) return record;
    }
    const id = cacheId(main, sub);
    const young = this.#young.get(id);
    if (young !== undefined) return young;
    const old = this.#old.get(id);
    if (old !== undefined && !isScan) this.#insert(id, old);
    return old;
  }

  /** Keeps a record that was read from the engine; the bytes must never change. */
  add(main: number, sub: number, record: Uint8Array, isScan = false): void {
    if (sub < SUBS_CACHED && main < MAINS_CACHED) this.#insert(cacheId(main, sub), record, isScan);
  }

  #insert(id: number, record: Uint8Array, isScan = false): void {
    const bytes = record.length + limits.recordOverheadBytes;
    // Each map may hold half of this part.
    if (bytes * 2 > this.#readBytesMax) return;
    if ((this.#youngBytes + bytes) * 2 > this.#readBytesMax) {
      if (isScan && this.#old.size > 0 && this.#deniedBytes < DENIED_FACTOR * this.#readBytesMax) {
        this.#deniedBytes += bytes;
        return;
      }
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
      this.#deniedBytes = 0;
    }
    this.#young.set(id, record);
    this.#youngBytes += bytes;
  }
}

/** Scans may be denied this many times the room of what was read before they get half of it. */
const DENIED_FACTOR = 8;

/** Sub revisions and main revisions beyond these are rare and not cached; see `cacheId`. */
const SUBS_CACHED = 1_024;
const MAINS_CACHED = 2 ** 43;

/** One number for a revision: small and positive for the common sub 0, else negative. */
function cacheId(main: number, sub: number): number {
  if (sub === 0) return main;
  return sub < SUBS_CACHED && main < MAINS_CACHED ? -(main * SUBS_CACHED + sub) : 0;
}

/** The last generation that starts at or before `main`. */
function lastFrom(generations: readonly WriteGeneration[], main: number): number {
  let low = 0;
  let high = generations.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (generations[middle]!.firstMain! <= main) low = middle;
    else high = middle - 1;
  }
  return low;
}
