import type { PackedRecords } from "../port.js";
import { ELEMENT_BYTES, PAGE_HEADER_BYTES } from "./format.js";

/** Hands out page ids in file order. */
export class PageAllocator {
  #next: number;

  constructor(first: number) {
    this.#next = first;
  }

  /** The id of the first of `pages` neighbouring pages. */
  take(pages: number): number {
    const id = this.#next;
    this.#next += pages;
    return id;
  }

  /** Pages handed out so far, with those before the first. */
  get pageCount(): number {
    return this.#next;
  }
}

/** A page that the packer has closed. It holds the oldest `count` items not yet in a page. */
export interface ClosedPage {
  /** 0 for a leaf, whose items are records; n for a branch, with pages of level n - 1. */
  readonly level: number;
  readonly count: number;
  readonly id: number;
  /** With the overflow pages. */
  readonly pages: number;
}

export interface PackerOptions {
  readonly pageSize: number;
  readonly allocator: PageAllocator;
  /** Receives every page in file order. */
  readonly onPage: (page: ClosedPage) => void;
}

/**
 * Decides, from sizes alone, which records share a leaf and which pages share a branch, and where
 * each page stands. Run once without contents it gives the layout of the file, run again with
 * them it gives the pages, in the same order: each page is closed as soon as it is full, so a
 * branch stands right after its last child and memory is one open page a level.
 *
 * Pages are filled to the brim. A record or two children that don't fit a page get overflow pages.
 * A branch has at least two children (bbolt's `minKeys`), so the two youngest are held back until
 * it is certain that they don't end up alone.
 */
export class TreePacker {
  readonly #options: PackerOptions;
  readonly #capacity: number;
  readonly #levels: BranchLevel[] = [];
  #leafCount = 0;
  #leafBytes = 0;
  #firstKeyBytes = 0;

  constructor(options: PackerOptions) {
    this.#options = options;
    this.#capacity = options.pageSize - PAGE_HEADER_BYTES;
  }

  /** Adds the next records. Pages may be closed meanwhile, each before the record after it. */
  addAll({ count, bounds }: Pick<PackedRecords, "count" | "bounds">): void {
    let leafCount = this.#leafCount;
    let leafBytes = this.#leafBytes;
    const capacity = this.#capacity;
    for (let at = 0; at < 3 * count; at += 3) {
      const bytes = ELEMENT_BYTES + bounds[at + 2]! - bounds[at]!;
      if (leafCount > 0 && leafBytes + bytes > capacity) {
        this.#leafCount = leafCount;
        this.#leafBytes = leafBytes;
        this.#closeLeaf();
        leafCount = 0;
        leafBytes = 0;
      }
      if (leafCount === 0) this.#firstKeyBytes = bounds[at + 1]! - bounds[at]!;
      leafCount++;
      leafBytes += bytes;
    }
    this.#leafCount = leafCount;
    this.#leafBytes = leafBytes;
  }

  /** Closes what is open and returns the root page; undefined when nothing was added. */
  finish(): number | undefined {
    if (this.#leafCount === 0) return undefined;
    let root = this.#closeLeaf();
    for (let i = 0; i < this.#levels.length; i++) {
      const level = this.#levels[i]!;
      // The only page of the level below is the root.
      if (level.isSingle) return root;
      for (const count of level.lastCounts()) root = this.#closeBranch(i, count);
    }
    return root;
  }

  #closeLeaf(): number {
    const shape = { level: 0, count: this.#leafCount, bytes: this.#leafBytes };
    const id = this.#close(shape, this.#firstKeyBytes);
    this.#leafCount = 0;
    this.#leafBytes = 0;
    return id;
  }

  #closeBranch(levelIndex: number, count: number): number {
    const taken = this.#levels[levelIndex]!.take(count);
    const shape = { level: levelIndex + 1, count, bytes: taken.bytes };
    return this.#close(shape, taken.firstKeyBytes);
  }

  #close(shape: { level: number; count: number; bytes: number }, firstKeyBytes: number): number {
    const { pageSize, allocator, onPage } = this.#options;
    const pages = Math.ceil((PAGE_HEADER_BYTES + shape.bytes) / pageSize);
    const id = allocator.take(pages);
    onPage({ level: shape.level, count: shape.count, id, pages });
    this.#addChild(shape.level, firstKeyBytes);
    return id;
  }

  #addChild(levelIndex: number, keyBytes: number): void {
    let level = this.#levels[levelIndex];
    if (level === undefined) {
      level = new BranchLevel(this.#capacity);
      this.#levels.push(level);
    }
    level.add(keyBytes);
    const full = level.fullCount();
    if (full > 0) this.#closeBranch(levelIndex, full);
  }
}

/** The children of one level that are not in a page yet, by the size of their keys. */
class BranchLevel {
  readonly #capacity: number;
  #keyBytes: number[] = [];
  /** The first `fit` children fit one page; at least two count as fitting, with overflow. */
  #fit = 0;
  #fitBytes = 0;
  #closedPages = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get isSingle(): boolean {
    return this.#closedPages === 0 && this.#keyBytes.length === 1;
  }

  add(keyBytes: number): void {
    this.#keyBytes.push(keyBytes);
    this.#extend();
  }

  /** How many children make a page now; 0 while it is not certain. */
  fullCount(): number {
    return this.#keyBytes.length >= this.#fit + 2 ? this.#fit : 0;
  }

  /** Sizes of the last pages: one page, or two when one child too many would be left alone. */
  lastCounts(): number[] {
    const total = this.#keyBytes.length;
    if (total === this.#fit) return [total];
    return this.#fit >= 3 ? [total - 2, 2] : [total];
  }

  take(count: number): { readonly bytes: number; readonly firstKeyBytes: number } {
    const firstKeyBytes = this.#keyBytes[0]!;
    let bytes = 0;
    for (const keyBytes of this.#keyBytes.splice(0, count)) bytes += ELEMENT_BYTES + keyBytes;
    this.#closedPages++;
    this.#fit = 0;
    this.#fitBytes = 0;
    while (this.#extend());
    return { bytes, firstKeyBytes };
  }

  /** Counts the next child as fitting, if it is one and does. */
  #extend(): boolean {
    if (this.#fit === this.#keyBytes.length) return false;
    const bytes = ELEMENT_BYTES + this.#keyBytes[this.#fit]!;
    if (this.#fit >= 2 && this.#fitBytes + bytes > this.#capacity) return false;
    this.#fit++;
    this.#fitBytes += bytes;
    return true;
  }
}
