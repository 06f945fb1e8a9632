import type { Bucket } from "@kvorum/backends";
import { bytesToLatin1, violated } from "@kvorum/base";
import type { CommitOps } from "./commit-ops.js";
import { lastAtOrBelow } from "./last-at-or-below.js";
import { limits } from "./limits.js";
import { RecordArena, type RecordPlace, type SlabPool } from "./record-arena.js";
import { isTombstoneKey, revisionKeyMain, revisionKeySub } from "./revision-key.js";

/** A change of a bucket other than "key". */
interface BufferedChange {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/**
 * One generation of the write buffer. Revisions only grow, by one at a time, so the records of
 * bucket "key" lie in one array in revision order, and a record is found by two index operations:
 *
 *   starts    [ 0 | 1 | 4 | ... ]        starts[i]: where main revision firstMain + i begins
 *   addresses [ 7.0 | 8.0 8.1 8.2 | 9.0 ... ]
 *
 * Full 17-byte keys are built only for the commit. The bytes are in an arena; what leaves the
 * generation is a copy.
 */
export class WriteGeneration {
  #firstMain = 0;
  readonly #starts: number[] = [];
  /** In the arena, multiples of 4; 1 more for a tombstone. */
  readonly #addresses: number[] = [];
  readonly #arena: RecordArena;
  /** Of a settled generation, by the places of `#addresses`: what was read of it before. */
  #copies: (Uint8Array | undefined)[] | undefined;
  /**
   * Records that a compaction deletes, two numbers each: main, then 2 * sub, and 1 more for a
   * tombstone. In a list, because they are many and never read.
   */
  readonly #deletedRecords: number[] = [];
  /** By bucket, then by latin1 key. */
  readonly #changes = new Map<Bucket, Map<string, BufferedChange>>();
  #changeCount = 0;
  #bytes = 0;
  #isSettled = false;

  constructor(slabs: SlabPool) {
    this.#arena = new RecordArena(slabs);
  }

  /** Operations that the commit of this generation makes. */
  get ops(): number {
    return this.#addresses.length + this.#deletedRecords.length / 2 + this.#changeCount;
  }

  /** Bytes that it keeps from the garbage collector, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The first main revision of its records; undefined when it holds none. */
  get firstMain(): number | undefined {
    return this.#starts.length === 0 ? undefined : this.#firstMain;
  }

  /** The main revision after the last of its records. */
  get endMain(): number {
    return this.#firstMain + this.#starts.length;
  }

  /**
   * Records come in revision order, subs of a main without gaps.
   * @returns where to write the record, at once: the object is reused
   */
  addRecord(main: number, sub: number, length: number, isTombstone: boolean): RecordPlace {
    const starts = this.#starts;
    if (sub === 0) {
      if (starts.length === 0) this.#firstMain = main;
      if (main < this.endMain) violated(`revision ${main} written after ${this.endMain - 1}`);
      for (let at = this.endMain; at <= main; at++) starts.push(this.#addresses.length);
    }
    const subNext = this.#addresses.length - starts[starts.length - 1]!;
    if (main !== this.endMain - 1 || sub !== subNext) {
      violated(`revision ${main}.${sub} written out of order`);
    }
    const address = this.#arena.reserve(length);
    this.#addresses.push(isTombstone ? address + TOMBSTONE_BIT : address);
    this.#bytes += length + limits.recordOverheadBytes;
    return this.#arena.place(address);
  }

  /** Deletes a record of an older generation. */
  deleteRecord(main: number, sub: number, isTombstone: boolean): void {
    this.#deletedRecords.push(main, 2 * sub + Number(isTombstone));
    this.#bytes += DELETION_BYTES;
  }

  isRecordDeleted(main: number, sub: number): boolean {
    const deleted = this.#deletedRecords;
    for (let i = 0; i < deleted.length; i += 2) {
      if (deleted[i] === main && Math.floor(deleted[i + 1]! / 2) === sub) return true;
    }
    return false;
  }

  /** A copy, which outlives the generation. */
  record(main: number, sub: number): Uint8Array | undefined {
    const i = main - this.#firstMain;
    if (i < 0 || i >= this.#starts.length) return undefined;
    const at = this.#starts[i]! + sub;
    if (at >= this.#endOf(i)) return undefined;
    const known = this.#copies?.[at];
    if (known !== undefined) return known;
    const copy = this.#arena.copy(this.#addressAt(at));
    if (this.#isSettled) {
      this.#copies ??= new Array<Uint8Array | undefined>(this.#addresses.length);
      this.#copies[at] = copy;
    }
    return copy;
  }

  /** Records of one main revision; 0 when it has none here. */
  subCount(main: number): number {
    const i = main - this.#firstMain;
    return i < 0 || i >= this.#starts.length ? 0 : this.#endOf(i) - this.#starts[i]!;
  }

  isTombstone(main: number, sub: number): boolean {
    return this.#isTombstoneAt(this.#starts[main - this.#firstMain]! + sub);
  }

  /** Takes ownership of both byte arrays; `value` undefined deletes. */
  change(bucket: Bucket, key: Uint8Array, value: Uint8Array | undefined): void {
    let bucketChanges = this.#changes.get(bucket);
    if (bucketChanges === undefined) {
      bucketChanges = new Map();
      this.#changes.set(bucket, bucketChanges);
    }
    const text = bytesToLatin1(key);
    const previous = bucketChanges.get(text);
    bucketChanges.set(text, { key, value });
    if (previous === undefined) this.#changeCount++;
    else this.#bytes -= changeBytes(previous);
    this.#bytes += changeBytes({ key, value });
  }

  /** @returns undefined when nothing is known here; a change without value is a deletion */
  changed(bucket: Bucket, key: Uint8Array): { readonly value: Uint8Array | undefined } | undefined {
    return this.#changes.get(bucket)?.get(bytesToLatin1(key));
  }

  /** For a whole key of bucket "key", where `record` takes a revision. */
  recordOfKey(key: Uint8Array): Uint8Array | undefined {
    const main = revisionKeyMain(key);
    const sub = revisionKeySub(key);
    const record = this.record(main, sub);
    if (record === undefined) return undefined;
    return this.isTombstone(main, sub) === isTombstoneKey(key) ? record : undefined;
  }

  /**
   * The operations of the commit from the one at `from` on, about `most` of them: records, then
   * deletions of records, then the changes of other buckets. They may be used until `settle`.
   * @returns where to go on; `this.ops` at the end
   */
  addOps(ops: CommitOps, from: number, most: number): number {
    const end = Math.min(this.ops, from + most);
    const recordCount = this.#addresses.length;
    const recordsEnd = Math.min(end, recordCount);
    if (from < recordsEnd) this.#addRecordOps(ops, from, recordsEnd);
    const deleted = this.#deletedRecords;
    const deletionsEnd = Math.min(2 * (end - recordCount), deleted.length);
    for (let i = Math.max(0, 2 * (from - recordCount)); i < deletionsEnd; i += 2) {
      const rest = deleted[i + 1]!;
      ops.addRecord(deleted[i]!, Math.floor(rest / 2), undefined, rest % 2 === 1);
    }
    if (end < recordCount + deleted.length / 2) return end;
    for (const [bucket, changes] of this.#changes) {
      for (const { key, value } of changes.values()) ops.add({ bucket, key, value });
    }
    return this.ops;
  }

  /** Once committed only the records are of use, for the value cache. */
  settle(): void {
    this.#isSettled = true;
    this.#arena.settle();
    this.#changes.clear();
    this.#changeCount = 0;
    this.#deletedRecords.length = 0;
  }

  /** Nobody uses the generation any more, which has settled. */
  release(): void {
    this.#arena.release();
  }

  #addRecordOps(ops: CommitOps, from: number, end: number): void {
    const starts = this.#starts;
    let i = lastAtOrBelow(starts, starts.length, from);
    for (let at = from; at < end; at++) {
      while (i + 1 < starts.length && starts[i + 1]! <= at) i++;
      const record = this.#arena.view(this.#addressAt(at));
      ops.addRecord(this.#firstMain + i, at - starts[i]!, record, this.#isTombstoneAt(at));
    }
  }

  #endOf(i: number): number {
    return i + 1 < this.#starts.length ? this.#starts[i + 1]! : this.#addresses.length;
  }

  #addressAt(at: number): number {
    const address = this.#addresses[at]!;
    return address - (address & TOMBSTONE_BIT);
  }

  #isTombstoneAt(at: number): boolean {
    return (this.#addresses[at]! & TOMBSTONE_BIT) !== 0;
  }
}

const TOMBSTONE_BIT = 1;

/** Two numbers of a list, which grows by halves. */
const DELETION_BYTES = 24;

function changeBytes({ key, value }: BufferedChange): number {
  return key.length + (value?.length ?? 0) + 2 * limits.recordOverheadBytes;
}
