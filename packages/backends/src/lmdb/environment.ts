import { type Database, open, type RootDatabase, type Transaction } from "lmdb";
import { LMDB_MAP_BYTES } from "../limits.js";
import { type BackendStat, BUCKETS, type Bucket } from "../port.js";

export type LmdbTable = Database<Buffer, Buffer>;

/** An open LMDB environment with one table a bucket. */
export interface Environment {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly tables: Readonly<Record<Bucket, LmdbTable>>;
  readonly file: string;
}

const ENCODINGS = { encoding: "binary", keyEncoding: "binary" } as const;

/**
 * `overlappingSync` is off: a commit resolves when data and meta page are synced, which is what the
 * port asks for. With it on, lmdb-js resolves first and syncs later, and after a restart of the
 * machine goes back to an older meta page.
 */
export function openEnvironment(file: string): Environment {
  return openWith(file, { noSync: false });
}

/** As `openEnvironment`, but nothing is synced: for a file that is of use only when it is whole. */
export function openUnsyncedEnvironment(file: string): Environment {
  return openWith(file, { noSync: true });
}

/** The number of records in a bucket. */
export function entriesOf({ root, tables }: Environment, bucket: Bucket): number {
  root.resetReadTxn();
  const { entryCount } = tables[bucket].getStats() as LmdbStats;
  root.resetReadTxn();
  return entryCount;
}

function openWith(file: string, { noSync }: { readonly noSync: boolean }): Environment {
  const root = open<Buffer, Buffer>({
    path: file,
    noSubdir: true,
    overlappingSync: false,
    noSync,
    // Only what is in one batch belongs together; the turns of the event loop mean nothing here.
    eventTurnBatching: false,
    maxDbs: BUCKETS.length + 2,
    mapSize: LMDB_MAP_BYTES,
    ...ENCODINGS,
  });
  const tables = Object.fromEntries(
    BUCKETS.map((bucket) => [bucket, root.openDB<Buffer, Buffer>({ name: bucket, ...ENCODINGS })]),
  ) as Record<Bucket, LmdbTable>;
  return { root, tables, file };
}

/** Bytes of the file and bytes in use: the pages of all trees, two meta pages. */
export function statOf(environment: Environment): BackendStat {
  environment.root.resetReadTxn();
  const root = environment.root.getStats() as LmdbStats;
  const { pageSize } = root.root;
  let pages = 2 + treePages(root) + treePages(root.free);
  for (const bucket of BUCKETS) {
    pages += treePages(environment.tables[bucket].getStats() as LmdbStats);
  }
  // What was read for it must not pin pages until the next time.
  environment.root.resetReadTxn();
  const sizeBytes = (root.lastPageNumber + 1) * pageSize;
  return { sizeBytes, sizeInUseBytes: Math.min(sizeBytes, pages * pageSize) };
}

interface TreeStats {
  readonly entryCount: number;
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface LmdbStats extends TreeStats {
  readonly root: TreeStats;
  readonly free: TreeStats;
  readonly lastPageNumber: number;
}

function treePages(tree: TreeStats): number {
  return tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages;
}

/** A read transaction that stays on the state of now until its `done` is called. */
export function pinNow(environment: Environment): Transaction {
  environment.root.resetReadTxn();
  return environment.root.useReadTransaction();
}
