import { damagedPage } from "../common/damaged-page.js";
import type { PageAt, PageFile } from "./page-file.js";
import {
  BIG_DATA,
  BRANCH,
  HEADER_BYTES,
  KIND,
  LEAF,
  NODE_BYTES,
  readTree,
  TABLE,
  TREE_BYTES,
  type Tree,
} from "./page-format.js";

/** A table that a record of the main tree names. */
export interface Table {
  readonly name: string;
  readonly tree: Tree;
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

/** A page below a branch. */
interface Child extends Bounds {
  readonly number: number;
}

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
  #tables: Table[] = [];
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
  tree(tree: Tree, options: { readonly hasIntegerKeys?: boolean } = {}): readonly Table[] {
    const steps = this.steps(tree, options);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  }

  /** As `tree`, with a pause after each hundred pages or so. One tree at a time. */
  *steps(
    tree: Tree,
    options: { readonly hasIntegerKeys?: boolean } = {},
  ): Generator<void, readonly Table[]> {
    this.#found = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    this.#tables = [];
    this.#depth = tree.depth;
    this.#hasIntegerKeys = options.hasIntegerKeys ?? false;
    if (tree.root !== undefined) {
      const root = { number: tree.root, low: undefined, high: undefined };
      if (tree.depth === 1) this.#leafPage(root);
      else yield* this.#branchPage(root, 1);
    }
    for (const count of ["branchPages", "leafPages", "overflowPages", "entries"] as const) {
      if (this.#found[count] !== tree[count]) {
        throw this.#damaged(tree.root ?? 0, `a tree, which has other ${count} than it says`);
      }
    }
    return this.#tables;
  }

  *#branchPage(branch: Child, level: number): Generator<void, void> {
    // A tree that doesn't end is found here at the latest.
    if (level >= this.#depth) throw this.#damaged(branch.number, "a branch");
    const children = this.#branch(branch);
    if (level + 1 === this.#depth) {
      for (const child of children) this.#leafPage(child);
      yield;
      return;
    }
    for (const child of children) yield* this.#branchPage(child, level + 1);
  }

  #leafPage(child: Child): void {
    const { page, count } = this.#page(child.number, LEAF);
    this.#leaf(child.number, page, count, child);
  }

  #page(number: number, kind: number): { readonly page: PageAt; readonly count: number } {
    this.#visit(number, 1);
    const page = this.#options.file.page(number);
    const { bytes, at } = page;
    const lower = bytes.readUInt16LE(at + 20);
    const upper = bytes.readUInt16LE(at + 22);
    const room = this.#options.pageBytes - HEADER_BYTES;
    const isWhole =
      bytes.readBigUInt64LE(at) === BigInt(number) &&
      (bytes.readUInt16LE(at + 18) & KIND) === kind &&
      lower % 2 === 0 &&
      lower > 0 &&
      lower <= upper &&
      upper <= room;
    if (!isWhole) throw this.#damaged(number, "a page");
    return { page, count: lower / 2 };
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
        // lmdb-js stores the zero byte that ends a name.
        const name = bytes.latin1Slice(keyStart, data).replace("\0", "");
        this.#tables.push({ name, tree: readTree(bytes, data) });
      }
    }
  }

  #branch({ number, ...bounds }: Child): Child[] {
    const { page, count } = this.#page(number, BRANCH);
    const { bytes, at } = page;
    this.#found.branchPages++;
    const end = at + this.#options.pageBytes;
    const numbers: number[] = [];
    const keys: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const node = at + HEADER_BYTES + bytes.readUInt16LE(at + HEADER_BYTES + 2 * i);
      const keyStart = node + NODE_BYTES;
      const keyEnd = keyStart <= end ? keyStart + bytes.readUInt16LE(node + 6) : end + 1;
      if (keyEnd > end) throw this.#damaged(number, "a branch");
      numbers.push(bytes.readUInt32LE(node) + bytes.readUInt16LE(node + 4) * 2 ** 32);
      // A copy, because the window may be used for other pages below.
      keys.push(Buffer.from(bytes.subarray(keyStart, keyEnd)));
    }
    if (count < 2) throw this.#damaged(number, "a branch");
    return numbers.map((child, i) => {
      // The first key of a branch says nothing: its child has all that is less than the second.
      const low = i === 0 ? bounds.low : keys[i];
      const high = i + 1 < count ? keys[i + 1] : bounds.high;
      if (!this.#hasIntegerKeys && low && high && low.compare(high) >= 0) {
        throw this.#outside(number);
      }
      return { number: child, low, high };
    });
  }

  #overflow(number: number, bytes: Buffer, data: number, dataBytes: number): void {
    const first = Number(bytes.readBigUInt64LE(data));
    const pages = Number(bytes.readBigUInt64LE(data + 16));
    // More than it takes when the record was put twice in a commit, first with a longer value.
    const least = Math.ceil((dataBytes + HEADER_BYTES) / this.#options.pageBytes);
    if (pages < least) throw this.#damaged(number, "a large record");
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

  #outside(number: number): Error {
    return this.#damaged(number, "the order of keys");
  }

  #damaged(number: number, what: string): Error {
    return damagedPage(this.#options.path, number, what);
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
