import { closeSync, openSync, readSync, statSync } from "node:fs";
import { BackendError } from "../port.js";
import { PageFile } from "./page-file.js";
import { readTree, type Tree, TreeWalk } from "./tree-walk.js";

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
/** The header of a page, before what the page holds. */
const HEADER_BYTES = 24;
const META_BYTES = 168;

interface Meta {
  readonly pageBytes: number;
  readonly transaction: bigint;
  readonly lastPage: number;
  readonly free: Tree;
  readonly main: Tree;
}

/**
 * Walks all trees of a data file before LMDB maps it. LMDB trusts its pages: a damaged one makes it
 * read outside the file and ends the process, or find nothing where a record is. So every page that
 * is reachable must be the one its parent means, lie within the file, hold its keys in order and
 * within the bounds its parent gives, be reached once, and the counts of each tree must come out.
 * What the records hold is checked when they are read. Costs one read of the file, which warms the
 * cache.
 *
 *     meta page = page header (24) | magic (4) | version (4) | address (8) | map size (8)
 *       | free tree (48) | main tree (48) | last page (8) | transaction (8) | ...
 *     tree = page size, in the free tree (4) | flags (2) | depth (2) | branch pages (8)
 *       | leaf pages (8) | overflow pages (8) | entries (8) | root (8)
 *
 * All little-endian. Source: mdb.c of lmdb-js 3, which is LMDB's development branch.
 * @throws BackendError "CORRUPT"
 */
export function verifyDataFile(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return;
  const meta = newestMeta(path);
  const file = new PageFile(path, meta.pageBytes);
  try {
    const walk = new TreeWalk({ path, file, ...meta });
    walk.tree(meta.free, { hasIntegerKeys: true });
    for (const table of walk.tree(meta.main)) walk.tree(table);
  } finally {
    file.close();
  }
}

/** The two first pages are metas; LMDB goes by the one of the newer transaction. */
function newestMeta(path: string): Meta {
  const descriptor = openSync(path, "r");
  try {
    const first = readMeta(path, descriptor, 0);
    const second = readMeta(path, descriptor, first.pageBytes);
    return second.transaction > first.transaction ? second : first;
  } finally {
    closeSync(descriptor);
  }
}

function readMeta(path: string, descriptor: number, position: number): Meta {
  const bytes = Buffer.alloc(META_BYTES);
  readSync(descriptor, bytes, 0, META_BYTES, position);
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
