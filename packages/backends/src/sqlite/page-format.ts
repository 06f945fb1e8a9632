/**
 * A table `WITHOUT ROWID` is one B-tree, whose branch pages hold records too: those of a child are
 * less than the record behind it.
 *
 *     page = kind (1) | first free block (2) | cells (2) | start of cells (2) | fragments (1)
 *       | branch: last child (4) | positions of cells, in order (2 each) | free | cells | reserved
 *     cell = branch: child (4) | payload size (varint) | payload, or its first part
 *       | if not all of the payload stands here: first overflow page (4)
 *     overflow page = next one, or 0 (4) | part of the payload
 *     payload = header size (varint) | kind of each column (varint) | columns
 *
 * All big-endian. Source: SQLite, "Database File Format".
 */
export const BRANCH = 2;
export const LEAF = 10;
export const FREE_BLOCK_AT = 1;
export const CELL_COUNT_AT = 3;
export const CELLS_START_AT = 5;
export const FRAGMENTS_AT = 7;
export const LAST_CHILD_AT = 8;
export const LEAF_HEADER_BYTES = 8;
export const BRANCH_HEADER_BYTES = 12;
export const CHILD_BYTES = 4;
export const OVERFLOW_HEADER_BYTES = 4;

/** The least size of a free block, whose first four bytes are its next one and its size. */
export const FREE_BLOCK_BYTES_MIN = 4;

/** Where the first page of a file says how many bytes at the end of each page are reserved. */
export const RESERVED_AT = 20;

/** Of a page, without what is reserved. Source: the format. */
export const USABLE_BYTES_MIN = 480;

/** A column of this kind or above is a blob if the kind is even; two more for each byte. */
export const BLOB_KIND = 12;

/** How much of a payload stands in its cell. */
export class LocalSizes {
  /** The largest payload that stands in its cell as a whole. */
  readonly whole: number;
  readonly #least: number;
  /** Of a payload in an overflow page. */
  readonly overflowBytes: number;

  /** @param usableBytes of a page: all but those reserved */
  constructor(readonly usableBytes: number) {
    this.whole = Math.floor(((usableBytes - 12) * 64) / 255) - 23;
    this.#least = Math.floor(((usableBytes - 12) * 32) / 255) - 23;
    this.overflowBytes = usableBytes - OVERFLOW_HEADER_BYTES;
  }

  of(payloadBytes: number): number {
    if (payloadBytes <= this.whole) return payloadBytes;
    // As much as leaves whole overflow pages, if that fits.
    const bytes = this.#least + ((payloadBytes - this.#least) % this.overflowBytes);
    return bytes <= this.whole ? bytes : this.#least;
  }
}

export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}
