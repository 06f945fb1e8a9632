import { BackendError } from "../port.js";

/**
 * The byte layout of a bbolt database, little-endian throughout. Page n stands at n * pageSize.
 *
 * ```
 * page    | id u64 | flags u16 | count u16 | overflow u32 | elements or meta ...    16 + ...
 * meta    | magic u32 | version u32 | pageSize u32 | flags u32 | root u64 | sequence u64 |
 *         | freelist u64 | pageCount u64 | txid u64 | FNV-1a of the 56 bytes before |   64
 * leaf    | flags u32 | pos u32 | keySize u32 | valueSize u32 | x count, then keys and values
 * branch  | pos u32 | keySize u32 | page u64 |                  x count, then keys
 * bucket  | root u64 | sequence u64 | when root = 0: a leaf page |   the value of a bucket element
 * ```
 *
 * `pos` counts from the start of its own element; a value follows its key at once. `overflow`
 * counts the pages that continue this one. Pages 0 and 1 hold the meta; of the valid ones that
 * with the higher txid counts.
 */
export const PAGE_HEADER_BYTES = 16;
export const ELEMENT_BYTES = 16;
export const META_BYTES = 64;
export const BUCKET_HEADER_BYTES = 16;

export const FLAG_BRANCH = 0x01;
export const FLAG_LEAF = 0x02;
export const FLAG_META = 0x04;
export const FLAG_FREELIST = 0x10;

/** Flag of a leaf element whose value is a bucket. */
export const ELEMENT_IS_BUCKET = 0x01;

export const MAGIC = 0xed0cdaed;
export const VERSION = 2;

/** The freelist page id that says "not stored": the free pages are the unreachable ones. */
export const NO_FREELIST = 0xffff_ffff_ffff_ffffn;

/** The first page that is not a meta page. */
export const FIRST_DATA_PAGE = 2;

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  readonly count: number;
  readonly overflow: number;
}

/** @param page at least the first 16 bytes of a page */
export function decodePageHeader(page: Buffer): PageHeader {
  return {
    id: readPageId(page, 0),
    flags: page.readUInt16LE(8),
    count: page.readUInt16LE(10),
    overflow: page.readUInt32LE(12),
  };
}

/**
 * A page id as a number. Ids past 2^53 lose their low digits, which no bounds check minds: they are
 * far above every page count.
 */
export function readPageId(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset + 4) * 2 ** 32 + bytes.readUInt32LE(offset);
}

export function writePageHeader(into: DataView, offset: number, header: PageHeader): void {
  writePageId(into, offset, header.id);
  into.setUint16(offset + 8, header.flags, true);
  into.setUint16(offset + 10, header.count, true);
  into.setUint32(offset + 12, header.overflow, true);
}

export function writePageId(into: DataView, offset: number, id: number): void {
  into.setUint32(offset, id, true);
  into.setUint32(offset + 4, id / 2 ** 32, true);
}

/** How a page's flags are called in messages, as bbolt prints them. */
export function pageTypeName(flags: number): string {
  if (flags === FLAG_BRANCH) return "branch";
  if (flags === FLAG_LEAF) return "leaf";
  if (flags === FLAG_META) return "meta";
  if (flags === FLAG_FREELIST) return "freelist";
  return `unknown<${flags.toString(16).padStart(2, "0")}>`;
}

/** The error of a file that breaks the format: names the file, the place and what is wrong. */
export function formatError(path: string, what: string): BackendError {
  return new BackendError("FORMAT", `${path}: ${what}`);
}
