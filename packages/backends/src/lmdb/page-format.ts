import { readSync } from "node:fs";
import { BackendError } from "../port.js";

/** What a tree says of itself. */
export interface Tree {
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined when empty. */
  readonly root: number | undefined;
}

/** What the newer one of the two meta pages says. */
export interface Meta {
  readonly pageBytes: number;
  readonly transaction: bigint;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

/** The header of a page, before what the page holds. */
export const HEADER_BYTES = 24;
export const NODE_BYTES = 8;
export const TREE_BYTES = 48;
export const BRANCH = 0x01;
export const LEAF = 0x02;
export const OVERFLOW = 0x04;
export const KIND = BRANCH | LEAF | OVERFLOW | 0x08 | 0x20 | 0x40;
export const BIG_DATA = 0x01;
export const TABLE = 0x02;

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const META_BYTES = 168;

/**
 * The two first pages are metas; LMDB goes by the one of the newer transaction.
 *
 *     meta page = page header (24) | magic (4) | version (4) | address (8) | map size (8)
 *       | free tree (48) | main tree (48) | last page (8) | transaction (8) | ...
 *     tree = page size, in the free tree (4) | flags (2) | depth (2) | branch pages (8)
 *       | leaf pages (8) | overflow pages (8) | entries (8) | root (8)
 *
 * All little-endian. Source: mdb.c of lmdb-js 3, which is LMDB's development branch. They are read
 * until they read the same twice, because LMDB may be writing the older one.
 * @throws BackendError "CORRUPT"
 */
export function newestMeta(path: string, descriptor: number): Meta {
  for (let previous: Buffer | undefined; ; ) {
    const first = readMetaBytes(descriptor, 0);
    const { pageBytes } = readMeta(path, first, 0);
    const second = readMetaBytes(descriptor, pageBytes);
    const both = Buffer.concat([first, second]);
    if (previous?.equals(both)) return newer(path, first, second);
    previous = both;
  }
}

function newer(path: string, first: Buffer, second: Buffer): Meta {
  const left = readMeta(path, first, 0);
  const right = readMeta(path, second, left.pageBytes);
  return right.transaction > left.transaction ? right : left;
}

function readMetaBytes(descriptor: number, position: number): Buffer {
  const bytes = Buffer.alloc(META_BYTES);
  readSync(descriptor, bytes, 0, META_BYTES, position);
  return bytes;
}

function readMeta(path: string, bytes: Buffer, position: number): Meta {
  const pageBytes = bytes.readUInt32LE(48);
  const isMeta =
    bytes.readUInt32LE(HEADER_BYTES) === MAGIC &&
    (bytes.readUInt32LE(HEADER_BYTES + 4) & 0xffff) === DATA_VERSION &&
    pageBytes >= 512 &&
    pageBytes <= 65_536 &&
    (pageBytes & (pageBytes - 1)) === 0;
  if (!isMeta) {
    throw new BackendError(
      "CORRUPT",
      `${path}: the meta page at byte ${position} is damaged; ` +
        "restore this member from a snapshot or from its peers",
    );
  }
  return {
    pageBytes,
    free: readTree(bytes, 48),
    main: readTree(bytes, 96),
    lastPage: Number(bytes.readBigUInt64LE(144)),
    transaction: bytes.readBigUInt64LE(152),
  };
}

/** A tree's record, in a meta page or as the value under a table's name. */
export function readTree(bytes: Buffer, at: number): Tree {
  const root = bytes.readBigUInt64LE(at + 40);
  return {
    depth: bytes.readUInt16LE(at + 6),
    branchPages: Number(bytes.readBigUInt64LE(at + 8)),
    leafPages: Number(bytes.readBigUInt64LE(at + 16)),
    overflowPages: Number(bytes.readBigUInt64LE(at + 24)),
    entries: Number(bytes.readBigUInt64LE(at + 32)),
    root: root === 0xffff_ffff_ffff_ffffn ? undefined : Number(root),
  };
}
