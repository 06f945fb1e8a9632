import type { File } from "@kvorum/base";
import { BackendError } from "../port.js";
import { FIRST_DATA_PAGE, formatError } from "./format.js";
import { PROBLEMS_MAX, TREE_LEVELS_MAX } from "./limits.js";
import type { Meta } from "./meta.js";
import { type PagePlace, type ParsedPage, parsePage, readBranch, visitLeaf } from "./page.js";
import type { PageReader } from "./page-reader.js";
import { bucketRoot, openPages, readFreelist } from "./read.js";
import { PageSet } from "./tree-cursor.js";

export interface BoltCheck {
  /** What is wrong, in the order found; empty for a sound file. At most `PROBLEMS_MAX`. */
  readonly problems: readonly string[];
  /** Pages below the high-water mark that no bucket, meta page or stored freelist uses. */
  readonly freePages: number;
}

/**
 * Checks the whole file as bbolt's `Tx.Check` does: every page is reachable once or free, pages are
 * what their place says, keys rise within pages and keep the bounds of their ancestors. Goes on
 * after a problem, leaving out what stands below it. Memory: two bits a page.
 * @throws BackendError "FORMAT" when no tree can be found at all, "IO"
 */
export async function checkBoltFile(file: File): Promise<BoltCheck> {
  const { meta, reader } = await openPages(file);
  return new Checker(reader, meta).run();
}

class Checker {
  readonly #reader: PageReader;
  readonly #meta: Meta;
  readonly #problems: string[] = [];
  readonly #reachable: PageSet;
  readonly #freed: PageSet;

  constructor(reader: PageReader, meta: Meta) {
    this.#reader = reader;
    this.#meta = meta;
    this.#reachable = new PageSet(meta.pageCount);
    this.#freed = new PageSet(meta.pageCount);
  }

  async run(): Promise<BoltCheck> {
    for (let id = 0; id < FIRST_DATA_PAGE; id++) this.#reachable.add(id);
    const { freelistPage, rootPage } = this.#meta;
    if (freelistPage !== undefined) await this.#attempt(() => this.#freelist(freelistPage));
    await this.#tree({ id: rootPage, low: undefined, high: undefined, level: 0 });
    const freePages = this.#countUnreachable();
    const isCut = this.#problems.length > PROBLEMS_MAX;
    return { problems: isCut ? this.#problems.slice(0, PROBLEMS_MAX) : this.#problems, freePages };
  }

  async #freelist(page: number): Promise<void> {
    const ids = await readFreelist(this.#reader, page);
    const overflow = (await this.#reader.page(page)).length / this.#meta.pageSize - 1;
    for (let i = 0; i <= overflow; i++) this.#reachable.add(page + i);
    for (const id of ids) {
      if (id < FIRST_DATA_PAGE || id >= this.#meta.pageCount) {
        this.#report(`page ${id}: freed out of bounds: ${this.#meta.pageCount}`);
      } else if (!this.#freed.add(id)) {
        this.#report(`page ${id}: already freed`);
      }
    }
  }

  /** Checks the page and all below it. */
  async #tree(node: Node): Promise<void> {
    if (this.#problems.length > PROBLEMS_MAX) return;
    await this.#attempt(() => this.#page(node));
  }

  async #page(node: Node): Promise<void> {
    const { path } = this.#reader;
    const { id, low, high, level } = node;
    const bytes = await this.#reader.page(id);
    if (!this.#markReachable(id, bytes.length / this.#meta.pageSize)) return;
    const place: PagePlace = { path, id, label: `page ${id}`, low, high };
    const page = parsePage(bytes, place);
    if (level >= TREE_LEVELS_MAX) {
      throw formatError(path, `page ${id}: more than ${TREE_LEVELS_MAX} levels`);
    }
    if (!page.isBranch) return this.#leaf({ page, place, level });
    const { ids, keys } = readBranch(page, place);
    for (let i = 0; i < ids.length; i++) {
      this.#reader.readAhead(ids, i);
      const bounds = { low: keys[i], high: keys[i + 1] ?? high };
      await this.#tree({ id: ids[i]!, ...bounds, level: level + 1 });
    }
  }

  async #leaf(at: { page: ParsedPage; place: PagePlace; level: number }): Promise<void> {
    const buckets: { name: string; value: Buffer }[] = [];
    const { bytes } = at.page;
    visitLeaf(at.page, at.place, (keyStart, valueStart, end, isBucket) => {
      if (!isBucket) return;
      const name = bytes.latin1Slice(keyStart, valueStart);
      buckets.push({ name, value: bytes.subarray(valueStart, end) });
    });
    for (const { name, value } of buckets) {
      const nested = () => this.#bucket({ name, value, level: at.level + 1 });
      await this.#attempt(nested);
    }
  }

  async #bucket(bucket: { name: string; value: Buffer; level: number }): Promise<void> {
    const root = bucketRoot(this.#reader.path, bucket.name, bucket.value);
    if (root.kind === "inline") {
      visitLeaf(root.leaf.page, root.leaf.place, () => {});
    } else {
      await this.#tree({ id: root.page, low: undefined, high: undefined, level: bucket.level });
    }
  }

  /** False when the page was reached before: its subtree is then left alone. */
  #markReachable(id: number, pages: number): boolean {
    let isFirst = true;
    for (let i = 0; i < pages; i++) {
      if (!this.#reachable.add(id + i)) {
        this.#report(`page ${id + i}: multiple references`);
        isFirst = false;
      }
    }
    if (this.#freed.has(id)) this.#report(`page ${id}: reachable freed`);
    return isFirst;
  }

  #countUnreachable(): number {
    const isStored = this.#meta.freelistPage !== undefined;
    let count = 0;
    for (let id = FIRST_DATA_PAGE; id < this.#meta.pageCount; id++) {
      if (this.#reachable.has(id)) continue;
      count++;
      if (isStored && !this.#freed.has(id)) this.#report(`page ${id}: unreachable unfreed`);
    }
    return count;
  }

  /** Runs one part of the check; what it finds broken becomes a problem, other errors pass. */
  async #attempt(part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      if (!(error instanceof BackendError) || error.code !== "FORMAT") throw error;
      this.#report(error.message.slice(this.#reader.path.length + 2));
    }
  }

  #report(problem: string): void {
    if (this.#problems.length <= PROBLEMS_MAX) this.#problems.push(problem);
  }
}

interface Node {
  readonly id: number;
  readonly low: Buffer | undefined;
  readonly high: Buffer | undefined;
  /** Pages above this one, those of the enclosing buckets included. */
  readonly level: number;
}
