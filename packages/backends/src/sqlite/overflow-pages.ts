import type { PageFile } from "./page-file.js";

/**
 * Reads overflow pages. Those of records side by side often stand in the order of the file, with
 * leaves between them: a page somewhat behind the ones before is read together with some more.
 */
export class OverflowPages {
  readonly bytes: Buffer;
  readonly #pages: PageFile;
  /** Which pages stand in `bytes`. */
  #first = 0;
  #count = 0;

  constructor(pages: PageFile) {
    this.#pages = pages;
    this.bytes = Buffer.allocUnsafeSlow(RUN_PAGES_MAX * pages.pageBytes);
  }

  /**
   * Where a page stands in `bytes`, until the next one is asked for.
   * @throws BackendError "CORRUPT" if there is no such page
   */
  find(number: number): number {
    const distance = number - this.#first;
    if (distance >= 0 && distance < this.#count) return distance * this.#pages.pageBytes;
    const isNear = distance > 0 && distance < this.#count + RUN_PAGES_MAX;
    const countMax = Math.min(RUN_PAGES_MAX, this.#pages.pageCount - number + 1);
    const count = isNear ? Math.max(1, countMax) : 1;
    this.#count = 0;
    this.#pages.read(this.bytes, number, count);
    this.#first = number;
    this.#count = count;
    return 0;
  }
}

/** 64 KiB at 4 KiB a page. */
const RUN_PAGES_MAX = 16;
