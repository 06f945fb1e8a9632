/** Bytes of a page; a multiple of a sector. */
export const PAGE_BYTES = 4096;

const ZERO_PAGE = new Uint8Array(PAGE_BYTES);

/**
 * The content of a simulated file: a sparse array of pages that are never changed in place, so that
 * a second `PagedBytes` (what is on the platter) can share them. A page that is absent is a hole and
 * reads as zeros; a page of zeros that was written is present but costs no memory.
 */
export class PagedBytes {
  readonly #pages = new Map<number, Uint8Array>();
  sizeBytes = 0;

  /** Pages present: what the file occupies on its medium, in pages. */
  get pageCount(): number {
    return this.#pages.size;
  }

  has(page: number): boolean {
    return this.#pages.has(page);
  }

  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.sizeBytes - position));
    for (let done = 0; done < count; ) {
      const at = position + done;
      const within = at % PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - within, count - done);
      const page = this.#pages.get((at - within) / PAGE_BYTES) ?? ZERO_PAGE;
      into.set(page.subarray(within, within + length), done);
      done += length;
    }
    return count;
  }

  write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const within = at % PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - within, bytes.length - done);
      this.#writeInPage((at - within) / PAGE_BYTES, within, bytes.subarray(done, done + length));
      done += length;
    }
    this.sizeBytes = Math.max(this.sizeBytes, position + bytes.length);
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.sizeBytes) {
      const lastPage = Math.floor(sizeBytes / PAGE_BYTES);
      const within = sizeBytes % PAGE_BYTES;
      for (const page of [...this.#pages.keys()]) {
        if (page > lastPage || (page === lastPage && within === 0)) this.#pages.delete(page);
      }
      if (this.#pages.has(lastPage)) {
        this.#writeInPage(lastPage, within, ZERO_PAGE.subarray(within));
      }
    }
    this.sizeBytes = sizeBytes;
  }

  /** Takes over the `sectorBytes` bytes of sector `sector` from `other`; the size is left alone. */
  copySector(other: PagedBytes, sector: number, sectorBytes: number): void {
    const page = Math.floor((sector * sectorBytes) / PAGE_BYTES);
    const theirs = other.#pages.get(page);
    const ours = this.#pages.get(page);
    if (theirs === ours) return;
    if (
      theirs !== undefined &&
      (ours === undefined || ours === ZERO_PAGE) &&
      theirs === ZERO_PAGE
    ) {
      this.#pages.set(page, ZERO_PAGE);
      return;
    }
    const within = (sector * sectorBytes) % PAGE_BYTES;
    this.#writeInPage(page, within, (theirs ?? ZERO_PAGE).subarray(within, within + sectorBytes));
  }

  clone(): PagedBytes {
    const copy = new PagedBytes();
    for (const [page, bytes] of this.#pages) copy.#pages.set(page, bytes);
    copy.sizeBytes = this.sizeBytes;
    return copy;
  }

  #writeInPage(page: number, within: number, bytes: Uint8Array): void {
    if (bytes.length === PAGE_BYTES && Buffer.compare(bytes, ZERO_PAGE) === 0) {
      this.#pages.set(page, ZERO_PAGE);
      return;
    }
    const next = new Uint8Array(this.#pages.get(page) ?? ZERO_PAGE);
    next.set(bytes, within);
    this.#pages.set(page, next);
  }
}
