import { CellReader } from "./cell-reader.js";
import { compareParts } from "./compare-parts.js";
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

/** Takes a record, whose value and checksum follow its key; valid until the next record. */
export type RecordVisitor = (
  bytes: Buffer,
  keyStart: number,
  valueStart: number,
  storedEnd: number,
) => void;

/**
 * Reads the records of one table in the order of their keys from its pages: whole runs of leaves
 * with one call and without SQLite, whose way costs several times more a record. Everything is
 * checked that a damaged page could break: numbers and kinds of pages, bounds of records, and the
 * order of keys. That order also ends each walk: a page that is met again brings no higher key.
 */
export class TreeScan {
  readonly #pages: PageFile;
  readonly #root: number;
  readonly #range: KeyRange;
  readonly #visit: RecordVisitor;
  readonly #usableBytes: number;
  readonly #cell: CellReader;
  readonly #check: PageCheck;
  /** From the root to the page above the leaf. */
  readonly #branches: Branch[] = [];
  /** Branches above each leaf; known with the first one. */
  #depth: number | undefined;
  readonly #leaves: Buffer;
  /** Which pages stand in `#leaves`. */
  #firstLeaf = 0;
  #leafCount = 0;
  /** The key before: in a branch, whenever `#leaves` are read anew. */
  #previous: Buffer | undefined;
  #previousStart = 0;
  #previousEnd = 0;
  #isAtStart: boolean;
  #ended = false;

  constructor(
    pages: PageFile,
    root: number,
    { range, visit }: { readonly range: KeyRange; readonly visit: RecordVisitor },
  ) {
    this.#pages = pages;
    this.#root = root;
    this.#range = range;
    this.#visit = visit;
    this.#isAtStart = range.start !== undefined;
    this.#leaves = Buffer.allocUnsafeSlow(RUN_PAGES_MAX * pages.pageBytes);
    pages.read(this.#leaves, 1, 1);
    this.#usableBytes = pages.pageBytes - this.#leaves[RESERVED_AT]!;
    if (this.#usableBytes < USABLE_BYTES_MIN) throw pages.damaged(1, "the size of pages");
    const sizes = new LocalSizes(this.#usableBytes);
    this.#cell = new CellReader(pages, sizes);
    this.#check = new PageCheck(pages, sizes);
  }

  /**
   * Visits the records of the next leaf page, and the one before it in a branch.
   * @returns false when these were the last
   * @throws BackendError "CORRUPT"
   */
  step(): boolean {
    const leaf = this.#depth === undefined ? this.#seek() : this.#next();
    if (leaf !== undefined) this.#visitLeaf(leaf, this.#depth!);
    return !this.#ended;
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
      const { start } = this.#range;
      while (start !== undefined && branch.index < branch.count) {
        this.#readCellOf(branch);
        if (this.#compare(start) >= 0) break;
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
    if (number < this.#firstLeaf || number >= this.#firstLeaf + this.#leafCount) {
      this.#readLeaves(number, this.#branches[depth - 1]);
    }
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
    const { bytes, keyStart, valueStart, storedEnd } = this.#cell;
    const previous = this.#previous;
    if (
      previous !== undefined &&
      compareParts(
        { bytes: previous, start: this.#previousStart, end: this.#previousEnd },
        { bytes, start: keyStart, end: valueStart },
      ) >= 0
    ) {
      throw this.#pages.damaged(number, "the order of keys");
    }
    this.#keepKey();
    const { start, end } = this.#range;
    if (this.#isAtStart && start !== undefined && this.#compare(start) < 0) return;
    this.#isAtStart = false;
    if (end !== undefined && this.#compare(end) >= 0) this.#ended = true;
    else this.#visit(bytes, keyStart, valueStart, storedEnd);
  }

  #keepKey(): void {
    const { bytes, keyStart, valueStart } = this.#cell;
    this.#previous = bytes;
    this.#previousStart = keyStart;
    this.#previousEnd = valueStart;
    this.#cell.keep();
  }

  /** Below, at or above 0 as the key of the cell is below, equal to or above `key`. */
  #compare(key: Buffer): number {
    const { bytes, keyStart, valueStart } = this.#cell;
    return compareParts(
      { bytes, start: keyStart, end: valueStart },
      { bytes: key, start: 0, end: key.length },
    );
  }
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

/** Leaf pages that are read in one go: 256 KiB at 4 KiB a page. */
const RUN_PAGES_MAX = 64;
/** Source: SQLite's own limit. */
const DEPTH_MAX = 20;
