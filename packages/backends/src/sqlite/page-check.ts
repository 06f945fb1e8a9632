import type { PageFile } from "./page-file.js";
import {
  BRANCH,
  BRANCH_HEADER_BYTES,
  CELL_COUNT_AT,
  CELLS_START_AT,
  CHILD_BYTES,
  FRAGMENTS_AT,
  FREE_BLOCK_AT,
  FREE_BLOCK_BYTES_MIN,
  LEAF_HEADER_BYTES,
  type LocalSizes,
  OVERFLOW_HEADER_BYTES,
  readUint16,
} from "./page-format.js";
import { readVarint, varintBytes } from "./varint.js";

/**
 * Checks that a page is used up exactly: behind the start of its cells, each byte belongs to a cell,
 * to a free block or to the fragments. A wrong number of cells is found in no other way: it would
 * leave out records that are whole.
 */
export class PageCheck {
  readonly #pages: PageFile;
  readonly #sizes: LocalSizes;

  constructor(pages: PageFile, sizes: LocalSizes) {
    this.#pages = pages;
    this.#sizes = sizes;
  }

  /**
   * The number of cells of the page at `at` of `bytes`.
   * @throws BackendError "CORRUPT" naming the page, also if it is of another kind
   */
  count(
    bytes: Buffer,
    at: number,
    { kind, number }: { readonly kind: number; readonly number: number },
  ): number {
    const { usableBytes } = this.#sizes;
    const headerBytes = kind === BRANCH ? BRANCH_HEADER_BYTES : LEAF_HEADER_BYTES;
    const payloadAt = kind === BRANCH ? CHILD_BYTES : 0;
    const count = readUint16(bytes, at + CELL_COUNT_AT);
    // 65,536 does not fit, and is written as 0.
    const cellsStart = readUint16(bytes, at + CELLS_START_AT) || 65_536;
    const isPage =
      bytes[at] === kind && headerBytes + 2 * count <= cellsStart && cellsStart <= usableBytes;
    if (!isPage) throw this.#pages.damaged(number, "a page");
    let used = bytes[at + FRAGMENTS_AT]! + this.#freeBytes(bytes, at, cellsStart);
    for (let i = 0; i < count; i++) {
      const cell = readUint16(bytes, at + headerBytes + 2 * i);
      if (cell < cellsStart || cell + payloadAt >= usableBytes) used = Number.NaN;
      const payloadBytes = readVarint(bytes, at + cell + payloadAt);
      const localBytes = this.#sizes.of(payloadBytes);
      used += payloadAt + varintBytes(payloadBytes) + localBytes;
      if (localBytes < payloadBytes) used += OVERFLOW_HEADER_BYTES;
    }
    if (used !== usableBytes - cellsStart) throw this.#pages.damaged(number, "the cells of a page");
    return count;
  }

  /** The free blocks stand in the order of the page; NaN if they don't. */
  #freeBytes(bytes: Buffer, at: number, cellsStart: number): number {
    let free = 0;
    let lowest = cellsStart;
    for (let block = readUint16(bytes, at + FREE_BLOCK_AT); block !== 0; ) {
      if (block < lowest || block + FREE_BLOCK_BYTES_MIN > this.#sizes.usableBytes)
        return Number.NaN;
      const blockBytes = readUint16(bytes, at + block + 2);
      free += blockBytes;
      lowest = block + Math.max(blockBytes, FREE_BLOCK_BYTES_MIN);
      block = readUint16(bytes, at + block);
    }
    return free;
  }
}
