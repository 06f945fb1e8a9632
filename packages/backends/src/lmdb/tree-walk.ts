import { BackendError } from "../port.js";
import type { PageAt, PageFile } from "./page-file.js";

/** What a tree says of itself. */
export interface Tree {
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined when empty. */
  readonly root: number | undefined;
}

export interface TreeWalkOptions {
  readonly path: string;
  readonly file: PageFile;
  readonly pageBytes: number;
  readonly lastPage: number;
}

interface Bounds {
  /** The least key that may stand below, inclusive; and the one from which on none may. */
  readonly low: Buffer | undefined;
  readonly high: Buffer | undefined;
}

const HEADER_BYTES = 24;
const NODE_BYTES = 8;
const TREE_BYTES = 48;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const KIND = BRANCH | LEAF | OVERFLOW | 0x08 | 0x20 | 0x40;
const BIG_DATA = 0x01;
const TABLE = 0x02;

/**
 * Walks trees of one file and throws at the first thing that isn't as LMDB writes it.
 *
 *     page header = number (8) | transaction (8) | pad (2) | flags (2) | lower (2) | upper (2)
 *     page = header | offsets of nodes, from the end of the header (2 each) | free | nodes
 *     node = low and high half of data length or child (4) | flags, or bits of the child (2)
 *       | key length (2) | key | data
 *     data in overflow pages = first page (8) | transaction (8) | pages (8)
 *     overflow page header = number (8) | transaction (8) | pad (2) | flags (2) | pages (4)
 */
export class TreeWalk {
  readonly #options: TreeWalkOptions;
  readonly #seen: Uint8Array;
  #found = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
  #tables: Tree[] = [];
  #depth = 0;
  #hasIntegerKeys = false;

  constructor(options: TreeWalkOptions) {
    this.#options = options;
    const { file, pageBytes, lastPage } = options;
    // A file may be shorter than its last page says, when its last pages are free.
    const pages = Math.floor(file.sizeBytes / pageBytes);
    if (lastPage > 2 ** 40) throw this.#damaged(0, "the number of pages");
    this.#seen = new Uint8Array(pages);
  }

  /** Checks one tree and returns the tables that its records name. */
  tree(tree: Tree, options: { readonly hasIntegerKeys?: boolean } = {}): readonly Tree[] {
    this.#found = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    this.#tables = [];
    this.#depth = tree.depth;
    this.#hasIntegerKeys = options.hasIntegerKeys ?? false;
    if (tree.root !== undefined) {
      this.#page(tree.root, 1, { low: undefined, high: undefined });
    }
    for (const count of ["branchPages", "leafPages", "overflowPages", "entries"] as const) {
      if (this.#found[count] !== tree[count]) {
        throw this.#damaged(tree.root ?? 0, `a tree, which has other ${count} than it says`);
      }
    }
    return this.#tables;
  }

  #page(number: number, level: number, bounds: Bounds): void {
    this.#visit(number, 1);
    const page = this.#options.file.page(number);
    const { bytes, at } = page;
    const kind = bytes.readUInt16LE(at + 18) & KIND;
    const lower = bytes.readUInt16LE(at + 20);
    const upper = bytes.readUInt16LE(at + 22);
    const room = this.#options.pageBytes - HEADER_BYTES;
    const isWhole =
      bytes.readBigUInt64LE(at) === BigInt(number) &&
      kind === (level === this.#depth ? LEAF : BRANCH) &&
      lower % 2 === 0 &&
      lower > 0 &&
      lower <= upper &&
      upper <= room;
    if (!isWhole) throw this.#damaged(number, "a page");
    if (kind === LEAF) this.#leaf(number, page, lower / 2, bounds);
    else this.#branch(number, page, { count: lower / 2, level, bounds });
  }

  #leaf(number: number, { bytes, at }: PageAt, count: number, bounds: Bounds): void {
    this.#found.leafPages++;
    this.#found.entries += count;
    const end = at + this.#options.pageBytes;
    let previous = -1;
    for (let i = 0; i < count; i++) {
      const node = at + HEADER_BYTES + bytes.readUInt16LE(at + HEADER_BYTES + 2 * i);
      const keyStart = node + NODE_BYTES;
      if (keyStart > end) throw this.#damaged(number, "a record");
      const data = keyStart + bytes.readUInt16LE(node + 6);
      const dataBytes = bytes.readUInt32LE(node);
      const flags = bytes.readUInt16LE(node + 4);
      const stored = flags & BIG_DATA ? HEADER_BYTES : dataBytes;
      if (flags > (BIG_DATA | TABLE) || data === keyStart || data + stored > end) {
        throw this.#damaged(number, "a record");
      }
      if (!this.#hasIntegerKeys) {
        this.#checkOrder(number, bytes, { previous, keyStart, keyEnd: data });
        if (i === 0 && isBelow(bytes, keyStart, data, bounds.low)) throw this.#outside(number);
        if (i === count - 1 && !isBelowOrUnbounded(bytes, keyStart, data, bounds.high)) {
          throw this.#outside(number);
        }
      }
      previous = node;
      if (flags & BIG_DATA) this.#overflow(number, bytes, data, dataBytes);
      if (flags & TABLE) {
        if (dataBytes !== TREE_BYTES) throw this.#damaged(number, "the record of a table");
        this.#tables.push(readTree(bytes, data));
      }
    }
  }

  #branch(
    number: number,
    { bytes, at }: PageAt,
    { count, level, bounds }: { count: number; level: number; bounds: Bounds },
  ): void {
    this.#found.branchPages++;
    const end = at + this.#options.pageBytes;
    const children: number[] = [];
    const keys: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const node = at + HEADER_BYTES + bytes.readUInt16LE(at + HEADER_BYTES + 2 * i);
      const keyStart = node + NODE_BYTES;
      const keyEnd = keyStart <= end ? keyStart + bytes.readUInt16LE(node + 6) : end + 1;
      if (keyEnd > end) throw this.#damaged(number, "a branch");
      children.push(bytes.readUInt32LE(node) + bytes.readUInt16LE(node + 4) * 2 ** 32);
      // A copy, because the window may be used for other pages below.
      keys.push(Buffer.from(bytes.subarray(keyStart, keyEnd)));
    }
    if (count < 2 || level >= this.#depth) throw this.#damaged(number, "a branch");
    for (let i = 0; i < count; i++) {
      // The first key of a branch says nothing: its child has all that is less than the second.
      const low = i === 0 ? bounds.low : keys[i];
      const high = i + 1 < count ? keys[i + 1] : bounds.high;
      if (!this.#hasIntegerKeys && low && high && low.compare(high) >= 0) {
        throw this.#outside(number);
      }
      this.#page(children[i]!, level + 1, { low, high });
    }
  }

  #overflow(number: number, bytes: Buffer, data: number, dataBytes: number): void {
    const first = Number(bytes.readBigUInt64LE(data));
    const pages = Number(bytes.readBigUInt64LE(data + 16));
    const expected = Math.ceil((dataBytes + HEADER_BYTES) / this.#options.pageBytes);
    if (pages !== expected) throw this.#damaged(number, "a large record");
    this.#found.overflowPages += pages;
    this.#visit(first, pages);
  }

  #checkOrder(
    number: number,
    bytes: Buffer,
    { previous, keyStart, keyEnd }: { previous: number; keyStart: number; keyEnd: number },
  ): void {
    if (previous < 0) return;
    const start = previous + NODE_BYTES;
    const end = start + bytes.readUInt16LE(previous + 6);
    if (bytes.compare(bytes, keyStart, keyEnd, start, end) >= 0) throw this.#outside(number);
  }

  #visit(first: number, pages: number): void {
    if (first < 2 || first + pages > this.#seen.length) {
      throw this.#damaged(first, "a reference to a page outside the file");
    }
    for (let page = first; page < first + pages; page++) {
      if (this.#seen[page] === 1) throw this.#damaged(page, "a second reference to a page");
      this.#seen[page] = 1;
    }
  }

  #outside(number: number): BackendError {
    return this.#damaged(number, "the order of keys");
  }

  #damaged(number: number, what: string): BackendError {
    return new BackendError(
      "CORRUPT",
      `${this.#options.path}: damaged at page ${number}: ${what}; ` +
        "restore this member from a snapshot or from its peers",
    );
  }
}

function isBelow(bytes: Buffer, start: number, end: number, bound: Buffer | undefined): boolean {
  return bound !== undefined && bytes.compare(bound, 0, bound.length, start, end) < 0;
}

function isBelowOrUnbounded(
  bytes: Buffer,
  start: number,
  end: number,
  bound: Buffer | undefined,
): boolean {
  return bound === undefined || isBelow(bytes, start, end, bound);
}

/** A tree's record, in a meta page or as the value under a table's name. */
export function readTree(bytes: Buffer, at: number): Tree {
  const root = bytes.readBigUInt64LE(at + 40);
  return {
    depth: bytes.readUInt16LE(at + 6),
    branchPages: Number(bytes.readBigUInt64LE(at + 8)),
    leafPages: Number(bytes.readBigUInt64LE(at + 16)),
    overflowPages: Number(bytes.readBigUInt64LE(at + 24)),
    entries: Number(bytes.readBigUInt64LE(at + 32)),
    root: root === 0xffff_ffff_ffff_ffffn ? undefined : Number(root),
  };
}
