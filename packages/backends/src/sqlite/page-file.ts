import { readSync } from "node:fs";
import { damagedPage } from "../common/damaged-page.js";
import type { WalFrames } from "./wal-frames.js";

export interface PageFileOptions {
  /** What to name in errors. */
  readonly path: string;
  /** Open for reading as long as pages are read. */
  readonly descriptor: number;
  readonly pageBytes: number;
  /** Of the store, when the view was made. */
  readonly pageCount: number;
  readonly frames: WalFrames;
}

/** The pages of a view: each is in the journal or, if it is not there, in the file. */
export class PageFile {
  readonly pageBytes: number;
  readonly pageCount: number;
  readonly #path: string;
  readonly #descriptor: number;
  readonly #frames: WalFrames;

  constructor(options: PageFileOptions) {
    this.pageBytes = options.pageBytes;
    this.pageCount = options.pageCount;
    this.#path = options.path;
    this.#descriptor = options.descriptor;
    this.#frames = options.frames;
  }

  /**
   * Reads `count` pages that stand side by side to the start of `target`.
   * @throws BackendError "CORRUPT" if there are no such pages
   */
  read(target: Buffer, page: number, count: number): void {
    const { pageBytes, pageCount } = this;
    const frames = this.#frames;
    if (page < 1 || page + count - 1 > pageCount) throw this.damaged(page, OUTSIDE);
    if (count === 1 && frames.read(target, 0, page)) return;
    const start = (page - 1) * pageBytes;
    const length = readSync(this.#descriptor, target, 0, count * pageBytes, start);
    // Pages in the journal may be on their way into the file: what was read there means nothing.
    for (let i = 0; i < count; i++) {
      const isRead = (i + 1) * pageBytes <= length;
      if (isRead && frames.empty) continue;
      if (!frames.read(target, i * pageBytes, page + i) && !isRead) {
        throw this.damaged(page + i, OUTSIDE);
      }
    }
  }

  damaged(page: number, what: string): Error {
    return damagedPage(this.#path, page, what);
  }
}

const OUTSIDE = "a reference to a page outside the file";
