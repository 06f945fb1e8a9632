import { readSync } from "node:fs";
import { compareBytes } from "@kvorum/base";
import { damagedPage } from "../common/damaged-page.js";
import {
  BIG_DATA,
  BRANCH,
  HEADER_BYTES,
  KIND,
  LEAF,
  NODE_BYTES,
  OVERFLOW,
  type Tree,
} from "./page-format.js";

export interface TreeScanOptions {
  readonly path: string;
  /** Open for reading as long as the scan lasts. */
  readonly descriptor: number;
  readonly pageBytes: number;
}

export interface KeyRange {
  /** Inclusive and exclusive; undefined means no bound. */
  readonly start: Buffer | undefined;
  readonly end: Buffer | undefined;
}

/** Where a record stands in `bytes`; both are valid until the next record. */
export interface RecordVisitor {
  /** Memory of `leavesBytes`, to read leaf pages to; asked for whenever others were visited. */
  readonly window: Buffer;
  /** The value follows the key. */
  inline(bytes: Buffer, keyStart: number, valueStart: number, valueEnd: number): void;
  /** A value of overflow pages, in memory of its own. */
  large(key: Buffer, value: Buffer): void;
}

/**
 * Reads the records of one tree in the order of their keys straight from the file: whole runs of
 * leaf pages with one call and without LMDB, whose way costs several times more a record. The
 * caller keeps a transaction open that pins the pages. Everything is checked that a damaged page
 * could break: numbers and kinds of pages, bounds of records, the order of keys and that they stand
 * where the branches say. LMDB itself trusts its pages, and reads them through a map, which counts
 * as memory of the process.
 */
export class TreeScan {
  readonly #options: TreeScanOptions;
  readonly #depth: number;
  readonly #root: number | undefined;
  readonly #range: KeyRange;
  readonly #visitor: RecordVisitor;
  #leaves: Buffer;
  /** The same memory: a `Buffer` checks its arguments anew in each call. */
  #numbers: DataView;

  constructor(options: TreeScanOptions, tree: Tree, range: KeyRange, visitor: RecordVisitor) {
    this.#options = options;
    this.#depth = tree.depth;
    this.#root = tree.root;
    this.#range = range;
    this.#visitor = visitor;
    this.#leaves = visitor.window;
    this.#numbers = viewOf(this.#leaves);
  }

  /**
   * Visits all records; yields after each run of leaf pages, 256 KiB at the most, so that the caller
   * can stop and go on.
   */
  *run(): Generator<void, void> {
    if (this.#root === undefined) return;
    if (this.#depth > 1) {
      yield* this.#branch(this.#root, 1, { low: undefined, high: undefined });
      return;
    }
    this.#readLeaves(this.#root, 1);
    this.#leaf(0, this.#root, { low: undefined, high: undefined });
    yield;
  }

  *#branch(number: number, level: number, bounds: Bounds): Generator<void, void> {
    const page = Buffer.allocUnsafe(this.#options.pageBytes);
    this.#read(page, number, 1);
    const children = this.#children(page, number, bounds);
    if (level + 1 < this.#depth) {
      for (const child of children) yield* this.#branch(child.number, level + 1, child);
      return;
    }
    const { pageBytes } = this.#options;
    for (let first = 0; first < children.length; ) {
      const start = children[first]!.number;
      let count = 1;
      while (
        count < RUN_PAGES_MAX &&
        first + count < children.length &&
        children[first + count]!.number === start + count
      ) {
        count++;
      }
      this.#readLeaves(start, count);
      for (let i = 0; i < count; i++) {
        this.#leaf(i * pageBytes, start + i, children[first + i]!);
      }
      yield;
      first += count;
    }
  }

  /** The children that can hold keys of the range. */
  #children(page: Buffer, number: number, bounds: Bounds): Child[] {
    const count = this.#checkHeader(page, 0, { number, kind: BRANCH });
    if (count < 2) throw this.#damaged(number, "a branch");
    const numbers: number[] = [];
    const keys: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const node = HEADER_BYTES + page.readUInt16LE(HEADER_BYTES + 2 * i);
      const keyStart = node + NODE_BYTES;
      const keyEnd = keyStart <= page.length ? keyStart + page.readUInt16LE(node + 6) : Infinity;
      if (keyEnd > page.length) throw this.#damaged(number, "a branch");
      numbers.push(page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32);
      keys.push(page.subarray(keyStart, keyEnd));
    }
    const { start, end } = this.#range;
    const children: Child[] = [];
    for (let i = 0; i < count; i++) {
      // The first key of a branch says nothing: its child has all that is less than the second.
      const low = i === 0 ? bounds.low : keys[i];
      const high = i + 1 < count ? keys[i + 1] : bounds.high;
      if (low && high && compareBytes(low, high) >= 0) throw this.#damaged(number, ORDER);
      if (end && low && compareBytes(low, end) >= 0) break;
      if (start && high && compareBytes(high, start) <= 0) continue;
      children.push({ number: numbers[i]!, low, high });
    }
    return children;
  }

  /** Of the page at `at` of `#leaves`. */
  #leaf(at: number, number: number, { low, high }: Bounds): void {
    const bytes = this.#leaves;
    const numbers = this.#numbers;
    const count = this.#checkHeader(bytes, at, { number, kind: LEAF });
    const pageEnd = at + this.#options.pageBytes;
    const { start, end } = this.#range;
    // Only the first and the last leaf can hold keys outside the range.
    const cutsLow = start !== undefined && (low === undefined || compareBytes(low, start) < 0);
    const cutsHigh = end !== undefined && (high === undefined || compareBytes(high, end) > 0);
    let previous = -1;
    for (let i = 0; i < count; i++) {
      const node = at + HEADER_BYTES + numbers.getUint16(at + HEADER_BYTES + 2 * i, true);
      const keyStart = node + NODE_BYTES;
      if (keyStart > pageEnd) throw this.#damaged(number, "a record");
      const keyEnd = keyStart + numbers.getUint16(node + 6, true);
      const dataBytes = numbers.getUint32(node, true);
      const flags = numbers.getUint16(node + 4, true);
      const stored = flags === BIG_DATA ? HEADER_BYTES : dataBytes;
      if ((flags & ~BIG_DATA) !== 0 || keyEnd === keyStart || keyEnd + stored > pageEnd) {
        throw this.#damaged(number, "a record");
      }
      const rises =
        previous < 0
          ? low === undefined || compareKey(bytes, keyStart, keyEnd, low) >= 0
          : this.#rises(previous, node);
      if (!rises) throw this.#damaged(number, ORDER);
      previous = node;
      if (cutsLow && compareKey(bytes, keyStart, keyEnd, start) < 0) continue;
      if (cutsHigh && compareKey(bytes, keyStart, keyEnd, end) >= 0) break;
      if (flags === 0) this.#visitor.inline(bytes, keyStart, keyEnd, keyEnd + dataBytes);
      else this.#large(number, bytes.subarray(keyStart, keyEnd), { bytes, keyEnd, dataBytes });
    }
    if (high !== undefined && previous >= 0) {
      const lastStart = previous + NODE_BYTES;
      const lastEnd = lastStart + numbers.getUint16(previous + 6, true);
      if (compareKey(bytes, lastStart, lastEnd, high) >= 0) throw this.#damaged(number, ORDER);
    }
  }

  /**
   * Whether the key of the record at `node` of `#leaves` is above that of the one at `previous`. By
   * hand, because keys are short and a native call costs more than the comparison.
   */
  #rises(previous: number, node: number): boolean {
    const bytes = this.#leaves;
    let left = previous + NODE_BYTES;
    let right = node + NODE_BYTES;
    const leftEnd = left + this.#numbers.getUint16(previous + 6, true);
    const rightEnd = right + this.#numbers.getUint16(node + 6, true);
    while (left < leftEnd && right < rightEnd) {
      const difference = bytes[right++]! - bytes[left++]!;
      if (difference !== 0) return difference > 0;
    }
    return right < rightEnd;
  }

  #large(
    number: number,
    key: Buffer,
    at: { readonly bytes: Buffer; readonly keyEnd: number; readonly dataBytes: number },
  ): void {
    const { pageBytes } = this.#options;
    const first = Number(at.bytes.readBigUInt64LE(at.keyEnd));
    const pages = Math.ceil((at.dataBytes + HEADER_BYTES) / pageBytes);
    if (at.bytes.readBigUInt64LE(at.keyEnd + 16) < pages) {
      throw this.#damaged(number, "a large record");
    }
    const bytes = Buffer.allocUnsafeSlow(pages * pageBytes);
    this.#read(bytes, first, pages);
    const isWhole =
      bytes.readBigUInt64LE(0) === BigInt(first) && (bytes.readUInt16LE(18) & KIND) === OVERFLOW;
    if (!isWhole) throw this.#damaged(first, "a large record");
    this.#visitor.large(key, bytes.subarray(HEADER_BYTES, HEADER_BYTES + at.dataBytes));
  }

  /** The number of records or children. */
  #checkHeader(
    bytes: Buffer,
    at: number,
    expected: { readonly number: number; readonly kind: number },
  ): number {
    const lower = bytes.readUInt16LE(at + 20);
    const upper = bytes.readUInt16LE(at + 22);
    const isWhole =
      bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32 === expected.number &&
      (bytes.readUInt16LE(at + 18) & KIND) === expected.kind &&
      lower % 2 === 0 &&
      lower > 0 &&
      lower <= upper &&
      upper <= this.#options.pageBytes - HEADER_BYTES;
    if (!isWhole) throw this.#damaged(expected.number, "a page");
    return lower / 2;
  }

  #readLeaves(page: number, count: number): void {
    const { window } = this.#visitor;
    if (window !== this.#leaves) {
      this.#leaves = window;
      this.#numbers = viewOf(window);
    }
    this.#read(window, page, count);
  }

  #read(target: Buffer, page: number, count: number): void {
    const { descriptor, pageBytes } = this.#options;
    const length = count * pageBytes;
    if (page < 2 || page > PAGE_NUMBER_MAX) {
      throw this.#damaged(page, "a reference to a page outside the file");
    }
    const read = readSync(descriptor, target, 0, length, page * pageBytes);
    if (read < length) throw this.#damaged(page, "a reference to a page outside the file");
  }

  #damaged(page: number, what: string): Error {
    return damagedPage(this.#options.path, page, what);
  }
}

interface Bounds {
  /** The least key that may stand below, inclusive; and the one from which on none may. */
  readonly low: Buffer | undefined;
  readonly high: Buffer | undefined;
}

interface Child extends Bounds {
  readonly number: number;
}

const ORDER = "the order of keys";
/** Leaf pages that are read in one go: 256 KiB at 4 KiB a page. */
const RUN_PAGES_MAX = 64;
const PAGE_NUMBER_MAX = 2 ** 40;

/** What is read of leaf pages in one go. */
export function leavesBytes(pageBytes: number): number {
  return RUN_PAGES_MAX * pageBytes;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Below, at or above 0 as the key at [start, end) is below, equal to or above `key`. By hand, too. */
function compareKey(bytes: Buffer, start: number, end: number, key: Buffer): number {
  const common = Math.min(end - start, key.length);
  for (let i = 0; i < common; i++) {
    const difference = bytes[start + i]! - key[i]!;
    if (difference !== 0) return difference;
  }
  return end - start - key.length;
}
