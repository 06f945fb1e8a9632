import { formatError } from "./format.js";
import { TREE_LEVELS_MAX } from "./limits.js";
import { type Branch, type PagePlace, type ParsedPage, parsePage, readBranch } from "./page.js";
import type { PageReader } from "./page-reader.js";

/** One leaf of a tree and the place at which it stands. */
export interface LeafVisit {
  readonly page: ParsedPage;
  readonly place: PagePlace;
}

interface Frame {
  readonly branch: Branch;
  readonly high: Buffer | undefined;
  next: number;
}

/**
 * Walks the leaves of one tree in key order. Memory is one frame a level and one bit a page; a page
 * reached twice (a cycle, a shared subtree) is an error, so every walk ends.
 */
export class TreeCursor {
  readonly #reader: PageReader;
  readonly #root: number;
  readonly #stack: Frame[] = [];
  /** Made at the first branch: a bucket of one leaf needs none. */
  #seen: PageSet | undefined;
  #isStarted = false;

  constructor(reader: PageReader, root: number) {
    this.#reader = reader;
    this.#root = root;
  }

  /**
   * The next leaf, or undefined after the last.
   * @throws BackendError "FORMAT" | "IO"
   */
  async nextLeaf(): Promise<LeafVisit | undefined> {
    if (!this.#isStarted) {
      this.#isStarted = true;
      const leaf = await this.#descend(this.#root, undefined, undefined);
      if (leaf !== undefined) return leaf;
    }
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      const i = frame.next;
      const { ids, keys } = frame.branch;
      if (i === ids.length) {
        this.#stack.pop();
        continue;
      }
      frame.next++;
      this.#reader.readAhead(ids, i);
      const leaf = await this.#descend(ids[i]!, keys[i], keys[i + 1] ?? frame.high);
      if (leaf !== undefined) return leaf;
    }
    return undefined;
  }

  /** Visits one page: a leaf is returned, a branch is pushed onto the stack. */
  async #descend(
    id: number,
    low: Buffer | undefined,
    high: Buffer | undefined,
  ): Promise<LeafVisit | undefined> {
    const path = this.#reader.path;
    const place: PagePlace = { path, id, label: `page ${id}`, low, high };
    const page = parsePage(await this.#reader.page(id), place);
    if (page.isBranch) this.#seen ??= new PageSet(this.#reader.pageCount);
    if (this.#seen?.add(id) === false) {
      throw formatError(path, `page ${id}: multiple references`);
    }
    if (!page.isBranch) return { page, place };
    if (this.#stack.length >= TREE_LEVELS_MAX) {
      throw formatError(path, `page ${id}: the tree has more than ${TREE_LEVELS_MAX} levels`);
    }
    this.#stack.push({ branch: readBranch(page, place), high, next: 0 });
    return undefined;
  }
}

/** A set of page ids, one bit each. The caller keeps ids below the size. */
export class PageSet {
  readonly #bits: Uint8Array;

  constructor(pageCount: number) {
    this.#bits = new Uint8Array(Math.ceil(pageCount / 8));
  }

  has(id: number): boolean {
    return (this.#bits[id >>> 3]! & (1 << (id & 7))) !== 0;
  }

  /** False when `id` was in the set already. */
  add(id: number): boolean {
    if (this.has(id)) return false;
    this.#bits[id >>> 3]! |= 1 << (id & 7);
    return true;
  }
}
