import type { File } from "@kvorum/base";
import { BackendError } from "../port.js";
import { FIRST_DATA_PAGE, formatError, PAGE_HEADER_BYTES } from "./format.js";
import {
  PAGE_BYTES_MAX,
  READ_AHEAD_PAGES,
  READ_SINGLES_MAX,
  READ_WINDOW_BYTES,
  READ_WINDOW_WORTH_PAGES,
  READ_WINDOWS_MAX,
} from "./limits.js";

export interface PageReaderOptions {
  readonly pageSize: number;
  readonly pageCount: number;
}

/**
 * Reads pages by id through a bounded cache, ahead of the caller where the siblings to come are
 * known. Neighbouring pages are read as one window, scattered ones singly, several at a time.
 * Buffers are never reused, so slices of a page stay valid for as long as somebody holds them.
 */
export class PageReader {
  readonly path: string;
  readonly pageSize: number;
  readonly pageCount: number;
  readonly #file: File;
  readonly #windowPages: number;
  /** Window index -> its bytes. Insertion order is age: the oldest is evicted. */
  readonly #windows = new Map<number, Promise<Buffer>>();
  /** Page id -> the first `pageSize` bytes of it. */
  readonly #singles = new Map<number, Promise<Buffer>>();

  /** @param options.pageCount already checked: the file holds that many pages */
  constructor(file: File, options: PageReaderOptions) {
    this.#file = file;
    this.path = file.path;
    this.pageSize = options.pageSize;
    this.pageCount = options.pageCount;
    this.#windowPages = READ_WINDOW_BYTES / options.pageSize;
  }

  /**
   * The whole page with its overflow pages; the bytes are the caller's to keep.
   * @throws BackendError "FORMAT" when the page leaves the file or is too large, "IO"
   */
  async page(id: number): Promise<Buffer> {
    if (id < FIRST_DATA_PAGE || id >= this.pageCount) {
      throw formatError(this.path, `page ${id}: out of bounds: ${this.pageCount}`);
    }
    const windowIndex = Math.floor(id / this.#windowPages);
    const window = this.#windows.get(windowIndex);
    let bytes: Buffer;
    if (window !== undefined) {
      bytes = (await window).subarray((id - windowIndex * this.#windowPages) * this.pageSize);
    } else {
      bytes = await (this.#singles.get(id) ?? this.#loadSingle(id));
    }
    const overflow = bytes.readUInt32LE(PAGE_HEADER_BYTES - 4);
    const size = (overflow + 1) * this.pageSize;
    if (size <= bytes.length) return bytes.subarray(0, size);
    if (id + overflow >= this.pageCount) {
      const what = `page ${id}: its ${overflow} overflow pages pass the end (${this.pageCount})`;
      throw formatError(this.path, what);
    }
    if (size > PAGE_BYTES_MAX) {
      throw formatError(this.path, `page ${id}: ${size} bytes exceed ${PAGE_BYTES_MAX}`);
    }
    return this.#read(id * this.pageSize, size);
  }

  /**
   * Starts the reads for `ids[from]` and its next siblings. Ids may be anything: those out of
   * bounds are left to `page` to refuse. Failures surface in `page`.
   */
  readAhead(ids: readonly number[], from: number): void {
    const end = Math.min(ids.length, from + READ_AHEAD_PAGES);
    for (let i = from; i < end; i++) this.#startRead(ids, i);
    const windowAhead = from + this.#windowPages;
    if (windowAhead < ids.length) this.#startRead(ids, windowAhead);
  }

  #startRead(ids: readonly number[], i: number): void {
    const id = ids[i]!;
    if (id < FIRST_DATA_PAGE || id >= this.pageCount) return;
    const windowIndex = Math.floor(id / this.#windowPages);
    if (this.#windows.has(windowIndex) || this.#singles.has(id)) return;
    const wanted = this.#wantedPages(ids, i, windowIndex);
    if (wanted < READ_WINDOW_WORTH_PAGES) {
      this.#loadSingle(id);
      return;
    }
    this.#loadWindow(windowIndex);
    // A dense run that reaches the last sibling most likely goes on with the next parent's pages.
    const next = windowIndex + 1;
    const reachesLast = Math.floor(ids[ids.length - 1]! / this.#windowPages) === windowIndex;
    const isDense = wanted * 2 >= this.#windowPages;
    const exists = next * this.#windowPages < this.pageCount;
    if (reachesLast && isDense && exists && !this.#windows.has(next)) this.#loadWindow(next);
  }

  /** How many of the siblings from `i` on lie in the window. */
  #wantedPages(ids: readonly number[], i: number, windowIndex: number): number {
    const low = windowIndex * this.#windowPages;
    const high = low + this.#windowPages;
    const end = Math.min(ids.length, i + this.#windowPages);
    let count = 0;
    for (let j = i; j < end; j++) {
      const id = ids[j]!;
      if (id >= low && id < high) count++;
    }
    return count;
  }

  #loadWindow(windowIndex: number): Promise<Buffer> {
    const firstPage = windowIndex * this.#windowPages;
    const pages = Math.min(this.#windowPages, this.pageCount - firstPage);
    const loading = this.#read(firstPage * this.pageSize, pages * this.pageSize);
    return remember(this.#windows, { key: windowIndex, limit: READ_WINDOWS_MAX }, loading);
  }

  #loadSingle(id: number): Promise<Buffer> {
    const loading = this.#read(id * this.pageSize, this.pageSize);
    return remember(this.#singles, { key: id, limit: READ_SINGLES_MAX }, loading);
  }

  async #read(position: number, size: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(size);
    const count = await readFully(this.#file, bytes, position);
    if (count < size) {
      throw formatError(this.path, `ends at byte ${position + count}, inside page data`);
    }
    return bytes;
  }
}

/**
 * Reads until `into` is full or the file ends; resolves to the count.
 * @throws BackendError "IO"
 */
export async function readFully(file: File, into: Buffer, position: number): Promise<number> {
  let done = 0;
  try {
    while (done < into.length) {
      const count = await file.read(done === 0 ? into : into.subarray(done), position + done);
      if (count === 0) break;
      done += count;
    }
  } catch (cause) {
    throw new BackendError("IO", `${file.path}: reading at byte ${position} failed`, { cause });
  }
  return done;
}

function remember(
  cache: Map<number, Promise<Buffer>>,
  slot: { readonly key: number; readonly limit: number },
  loading: Promise<Buffer>,
): Promise<Buffer> {
  // A read ahead that fails before anybody awaits it must not end the process.
  loading.catch(() => {});
  if (cache.size >= slot.limit) cache.delete(cache.keys().next().value!);
  cache.set(slot.key, loading);
  return loading;
}
