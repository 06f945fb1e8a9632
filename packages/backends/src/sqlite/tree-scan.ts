import { CellReader } from "./cell-reader.js";
import { compareKeys, type KeyPlace } from "./compare-keys.js";
import { PageCheck } from "./page-check.js";
import type { PageFile } from "./page-file.js";
import {
  BRANCH,
  BRANCH_HEADER_BYTES,
  CHILD_BYTES,
  LAST_CHILD_AT,
  LEAF,
  LEAF_HEADER_BYTES,
  LocalSizes,
  RESERVED_AT,
  readUint16,
  readUint32,
  USABLE_BYTES_MIN,
} from "./page-format.js";

export interface KeyRange {
  /** Inclusive and exclusive; undefined means no bound. */
  readonly start: Buffer | undefined;
  readonly end: Buffer | undefined;
}

export interface RecordVisitor {
  /** Memory of `leavesBytes`, to read leaf pages to; asked for whenever others were visited. */
  readonly window: Buffer;
  /** Takes a record, whose value and checksum follow its key; valid until the next record. */
  record(bytes: Buffer, keyStart: number, valueStart: number, storedEnd: number): void;
}

/**
 * Reads the records of one table in the order of their keys from its pages: whole runs of leaves
 * with one call and without SQLite, whose way costs several times more a record. Everything is
 * checked that a damaged page could break: numbers and kinds of pages, bounds of records, and the
 * order of keys. That order also ends each walk: a page that is met again brings no higher key.
 */
export class TreeScan {
  readonly #pages: PageFile;
  readonly #root: number;
  readonly #start: KeyPlace | undefined;
  readonly #end: KeyPlace | undefined;
  readonly #visitor: RecordVisitor;
  readonly #usableBytes: number;
  readonly #cell: CellReader;
  readonly #check: PageCheck;
  /** From the root to the page above the leaf. */
  readonly #branches: Branch[] = [];
  /** Branches above each leaf; known with the first one. */
  #depth: number | undefined;
  #leaves: Buffer;
  /** The next leaf page. */
  #leaf: number | undefined;
  /** Which pages stand in `#leaves`. */
  #firstLeaf = 0;
  #leafCount = 0;
  /** The key before: in a branch, whenever `#leaves` are read anew. */
  readonly #previous = { bytes: NO_BYTES, keyStart: 0, valueStart: 0 };
  #isFirst = true;
  #isAtStart: boolean;
  #ended = false;

  constructor(
    pages: PageFile,
    root: number,
    { range, visitor }: { readonly range: KeyRange; readonly visitor: RecordVisitor },
  ) {
    this.#pages = pages;
    this.#root = root;
    this.#start = range.start && placeOf(range.start);
    this.#end = range.end && placeOf(range.end);
    this.#visitor = visitor;
    this.#isAtStart = range.start !== undefined;
    this.#leaves = visitor.window;
    pages.read(this.#leaves, 1, 1);
    this.#usableBytes = pages.pageBytes - this.#leaves[RESERVED_AT]!;
    if (this.#usableBytes < USABLE_BYTES_MIN) throw pages.damaged(1, "the size of pages");
    const sizes = new LocalSizes(this.#usableBytes);
    this.#cell = new CellReader(pages, sizes);
    this.#check = new PageCheck(pages, sizes);
  }

  /**
   * Visits the records of the next leaf pages that are read in one go, and those behind them in
   * branches.
   * @returns false when these were the last
   * @throws BackendError "CORRUPT"
   */
  step(): boolean {
    this.#leaf ??= this.#seek();
    this.#readLeaves(this.#leaf, this.#branches[this.#depth! - 1]);
    while (this.#leaf !== undefined && this.#isRead(this.#leaf)) {
      this.#visitLeaf(this.#leaf, this.#depth!);
      this.#leaf = this.#ended ? undefined : this.#next();
    }
    return !this.#ended;
  }

  #isRead(leaf: number): boolean {
    return leaf >= this.#firstLeaf && leaf < this.#firstLeaf + this.#leafCount;
  }

  /** Goes down to the leaf in which the range begins. */
  #seek(): number {
    let number = this.#root;
    for (let level = 0; level < DEPTH_MAX; level++) {
      const branch = this.#readBranch(level, number);
      if (branch.bytes[0] === LEAF) {
        this.#depth = level;
        return number;
      }
      this.#checkBranch(branch);
      const start = this.#start;
      while (start !== undefined && branch.index < branch.count) {
        this.#readCellOf(branch);
        if (compareKeys(this.#cell, start) >= 0) break;
        this.#keepKey();
        branch.index++;
      }
      number = this.#childOf(branch, branch.index);
    }
    throw this.#pages.damaged(number, "the depth of a tree");
  }

  /** Visits the record behind the last leaf, and goes down to the next one. */
  #next(): number | undefined {
    let level = this.#depth! - 1;
    while (level >= 0 && this.#branches[level]!.index === this.#branches[level]!.count) level--;
    if (level < 0) {
      this.#ended = true;
      return undefined;
    }
    const branch = this.#branches[level]!;
    this.#readCellOf(branch);
    this.#visitCell(branch.number);
    if (this.#ended) return undefined;
    branch.index++;
    let number = this.#childOf(branch, branch.index);
    while (++level < this.#depth!) {
      const below = this.#readBranch(level, number);
      this.#checkBranch(below);
      number = this.#childOf(below, 0);
    }
    return number;
  }

  #visitLeaf(number: number, depth: number): void {
    const bytes = this.#leaves;
    const at = (number - this.#firstLeaf) * this.#pages.pageBytes;
    const count = this.#check.count(bytes, at, { kind: LEAF, number });
    // Only a tree without records has a page without any.
    if (count === 0 && depth > 0) throw this.#pages.damaged(number, "an empty page");
    const pageEnd = at + this.#usableBytes;
    for (let i = 0; i < count && !this.#ended; i++) {
      const cell = at + readUint16(bytes, at + LEAF_HEADER_BYTES + 2 * i);
      this.#cell.read(bytes, cell, { pageEnd, number });
      this.#visitCell(number);
    }
    if (depth === 0) this.#ended = true;
  }

  /** Reads a leaf together with those that follow it both in the tree and in the file. */
  #readLeaves(number: number, above: Branch | undefined): void {
    let count = 1;
    if (above !== undefined) {
      const countMax = Math.min(RUN_PAGES_MAX, above.count - above.index + 1);
      while (count < countMax && this.#childOf(above, above.index + count) === number + count) {
        count++;
      }
    }
    this.#leafCount = 0;
    this.#leaves = this.#visitor.window;
    this.#pages.read(this.#leaves, number, count);
    this.#firstLeaf = number;
    this.#leafCount = count;
  }

  /** Its position says what it is: all leaves have as many branches above them. */
  #readBranch(level: number, number: number): Branch {
    this.#branches[level] ??= {
      bytes: Buffer.allocUnsafeSlow(this.#pages.pageBytes),
      number,
      count: 0,
      index: 0,
    };
    const branch = this.#branches[level];
    this.#pages.read(branch.bytes, number, 1);
    branch.number = number;
    branch.index = 0;
    return branch;
  }

  #checkBranch(branch: Branch): void {
    const { bytes, number } = branch;
    branch.count = this.#check.count(bytes, 0, { kind: BRANCH, number });
    if (branch.count === 0) throw this.#pages.damaged(number, "an empty page");
  }

  #childOf({ bytes, count }: Branch, index: number): number {
    return readUint32(bytes, index === count ? LAST_CHILD_AT : cellAt(bytes, index));
  }

  /** Of the record at `index`. */
  #readCellOf({ bytes, number, index }: Branch): void {
    const at = cellAt(bytes, index) + CHILD_BYTES;
    this.#cell.read(bytes, at, { pageEnd: this.#usableBytes, number });
  }

  #visitCell(number: number): void {
    const cell = this.#cell;
    if (!this.#isFirst && compareKeys(this.#previous, cell) >= 0) {
      throw this.#pages.damaged(number, "the order of keys");
    }
    this.#keepKey();
    if (this.#isAtStart && compareKeys(cell, this.#start!) < 0) return;
    this.#isAtStart = false;
    if (this.#end !== undefined && compareKeys(cell, this.#end) >= 0) this.#ended = true;
    else this.#visitor.record(cell.bytes, cell.keyStart, cell.valueStart, cell.storedEnd);
  }

  #keepKey(): void {
    const { bytes, keyStart, valueStart } = this.#cell;
    this.#previous.bytes = bytes;
    this.#previous.keyStart = keyStart;
    this.#previous.valueStart = valueStart;
    this.#isFirst = false;
    this.#cell.keep();
  }
}

/** What is read of leaf pages in one go. */
export function leavesBytes(pageBytes: number): number {
  return RUN_PAGES_MAX * pageBytes;
}

function placeOf(key: Buffer): KeyPlace {
  return { bytes: key, keyStart: 0, valueStart: key.length };
}

interface Branch {
  readonly bytes: Buffer;
  number: number;
  /** Of records; it has one more child. */
  count: number;
  /** Of the child that was gone into last, and so of the record behind it. */
  index: number;
}

function cellAt(branch: Buffer, index: number): number {
  return readUint16(branch, BRANCH_HEADER_BYTES + 2 * index);
}

const NO_BYTES: Buffer = Buffer.alloc(0);
/** Leaf pages that are read in one go: 256 KiB at 4 KiB a page. */
const RUN_PAGES_MAX = 64;
/** Source: SQLite's own limit. */
const DEPTH_MAX = 20;
