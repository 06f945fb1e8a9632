import {
  FLAG_META,
  MAGIC,
  META_BYTES,
  NO_FREELIST,
  PAGE_HEADER_BYTES,
  readPageId,
  VERSION,
  writePageHeader,
} from "./format.js";
import { PAGE_SIZE_MAX, PAGE_SIZE_MIN } from "./limits.js";

/** What one meta page says: where the tree starts and how far the file goes. */
export interface Meta {
  readonly pageSize: number;
  /** Page of the root bucket, whose elements are the top-level buckets. */
  readonly rootPage: number;
  /** Page of the stored freelist; undefined when it is not stored. */
  readonly freelistPage: number | undefined;
  /** The high-water mark: pages 0 to pageCount - 1 belong to the database. */
  readonly pageCount: number;
  readonly txid: bigint;
}

export type MetaResult =
  | { readonly ok: true; readonly meta: Meta }
  | { readonly ok: false; readonly reason: string };

/** Decodes the meta page that starts at `offset`; its page ids are the caller's to check. */
export function decodeMeta(bytes: Buffer, offset: number): MetaResult {
  const at = offset + PAGE_HEADER_BYTES;
  if (at + META_BYTES > bytes.length) return { ok: false, reason: "the file ends inside it" };
  const magic = bytes.readUInt32LE(at);
  if (magic !== MAGIC) return { ok: false, reason: `magic is 0x${magic.toString(16)}` };
  const version = bytes.readUInt32LE(at + 4);
  if (version !== VERSION) return { ok: false, reason: `version is ${version}, not ${VERSION}` };
  const stored = bytes.readBigUInt64LE(at + 56);
  if (stored !== fnv1a64(bytes.subarray(at, at + 56))) {
    return { ok: false, reason: "its checksum does not match" };
  }
  const pageSize = bytes.readUInt32LE(at + 8);
  if (!isPageSize(pageSize)) return { ok: false, reason: `page size is ${pageSize}` };
  const freelist = bytes.readBigUInt64LE(at + 32);
  const meta: Meta = {
    pageSize,
    rootPage: readPageId(bytes, at + 16),
    freelistPage: freelist === NO_FREELIST ? undefined : Number(freelist),
    pageCount: readPageId(bytes, at + 40),
    txid: bytes.readBigUInt64LE(at + 48),
  };
  return { ok: true, meta };
}

/** Writes a whole meta page (page 0 or 1) at `offset` of zeroed memory; no freelist is stored. */
export function encodeMetaPage(
  into: Buffer,
  offset: number,
  page: Meta & { readonly id: number },
): void {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  writePageHeader(view, offset, { id: page.id, flags: FLAG_META, count: 0, overflow: 0 });
  const at = offset + PAGE_HEADER_BYTES;
  into.writeUInt32LE(MAGIC, at);
  into.writeUInt32LE(VERSION, at + 4);
  into.writeUInt32LE(page.pageSize, at + 8);
  into.writeUInt32LE(0, at + 12);
  into.writeBigUInt64LE(BigInt(page.rootPage), at + 16);
  into.writeBigUInt64LE(0n, at + 24);
  const freelist = page.freelistPage === undefined ? NO_FREELIST : BigInt(page.freelistPage);
  into.writeBigUInt64LE(freelist, at + 32);
  into.writeBigUInt64LE(BigInt(page.pageCount), at + 40);
  into.writeBigUInt64LE(page.txid, at + 48);
  into.writeBigUInt64LE(fnv1a64(into.subarray(at, at + 56)), at + 56);
}

/** Every page size that a second meta page may stand at, smallest first. */
export function pageSizes(): number[] {
  const sizes: number[] = [];
  for (let size = PAGE_SIZE_MIN; size <= PAGE_SIZE_MAX; size *= 2) sizes.push(size);
  return sizes;
}

function isPageSize(size: number): boolean {
  return size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX && (size & (size - 1)) === 0;
}

/** FNV-1a, 64 bits (draft-eastlake-fnv). Over 56 bytes twice a file, so BigInt is fast enough. */
function fnv1a64(bytes: Buffer): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}
