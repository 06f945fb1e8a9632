import { fstatSync, readSync } from "node:fs";

const WINDOW_BYTES = 1 << 20;
const WINDOWS_MAX = 32;

/** Where a page stands in memory. */
export interface PageAt {
  readonly bytes: Buffer;
  /** Position of the page in `bytes`. */
  readonly at: number;
}

/**
 * Reads pages of a file through windows, of which the last used ones stay. A tree that grew at its
 * end is read almost in the order of the file.
 */
export class PageFile {
  readonly #descriptor: number;
  readonly #windows = new Map<number, Buffer>();
  readonly sizeBytes: number;
  readonly #pageBytes: number;
  readonly #windowBytes: number;

  /** @param windowBytes a multiple of the size of a page */
  constructor(descriptor: number, pageBytes: number, windowBytes = WINDOW_BYTES) {
    this.#descriptor = descriptor;
    this.sizeBytes = fstatSync(descriptor).size;
    this.#pageBytes = pageBytes;
    this.#windowBytes = windowBytes;
  }

  /** A page that lies within the file; valid until many other pages were read. */
  page(number: number): PageAt {
    const position = number * this.#pageBytes;
    const index = Math.floor(position / this.#windowBytes);
    return { bytes: this.#window(index), at: position - index * this.#windowBytes };
  }

  #window(index: number): Buffer {
    const known = this.#windows.get(index);
    if (known !== undefined) return known;
    let window: Buffer | undefined;
    if (this.#windows.size >= WINDOWS_MAX) {
      const [oldest] = this.#windows.keys();
      window = this.#windows.get(oldest!);
      this.#windows.delete(oldest!);
    }
    const bytes = this.#windowBytes;
    window ??= Buffer.alloc(bytes);
    const length = readSync(this.#descriptor, window, 0, bytes, index * bytes);
    window.fill(0, length);
    this.#windows.set(index, window);
    return window;
  }
}
