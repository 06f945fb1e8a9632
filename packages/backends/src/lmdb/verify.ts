import { closeSync, fstatSync, openSync } from "node:fs";
import { PageFile } from "./page-file.js";
import { type Meta, newestMeta } from "./page-format.js";
import { type Table, TreeWalk } from "./tree-walk.js";

/** The trees of a data file at one moment. */
export interface Structure {
  readonly meta: Meta;
  /** One a bucket. */
  readonly tables: readonly Table[];
}

/**
 * Walks the trees of a data file before LMDB reads them. LMDB trusts its pages: a damaged one makes
 * it read outside the file and ends the process, or find nothing where a record is. So every page
 * that is reachable must be the one its parent means, lie within the file, hold its keys in order
 * and within the bounds its parent gives, be reached once, and the counts of each tree must come
 * out. What the records hold is checked when they are read.
 *
 * This part looks at what LMDB uses when a file is opened, the free tree and the main tree, and at
 * all small tables, because that takes less than asking a thread. Returns the tables that are left
 * for `verifyTables`; undefined when none are.
 * @throws BackendError "CORRUPT"
 */
export function verifyRoots(path: string): Structure | undefined {
  return withFile(path, SMALL_WINDOW_BYTES, (file, meta) => {
    const walk = new TreeWalk({ path, file, ...meta });
    walk.tree(meta.free, { hasIntegerKeys: true });
    const tables = [...walk.tree(meta.main)];
    const large = tables.filter(({ tree }) => tree.leafPages > SMALL_TABLE_PAGES);
    for (const { tree } of tables) if (tree.leafPages <= SMALL_TABLE_PAGES) walk.tree(tree);
    return large.length === 0 ? undefined : { meta, tables: large };
  });
}

/**
 * The trees at this moment, for a reader whose transaction pins them or older ones. Checks of the
 * main tree what reading it needs.
 * @throws BackendError "CORRUPT"
 */
export function readTables(path: string, descriptor: number): Structure {
  const meta = newestMeta(path, descriptor);
  const file = new PageFile(descriptor, meta.pageBytes, SMALL_WINDOW_BYTES);
  const tables = new TreeWalk({ path, file, ...meta }).tree(meta.main);
  return { meta, tables };
}

/**
 * Walks the trees of `tables`, which nobody may change meanwhile; yields after each hundred pages
 * or so and hands over the name of a table when it is whole.
 * @throws BackendError "CORRUPT"
 */
export function* verifyTables(
  path: string,
  { meta, tables }: Structure,
): Generator<string | undefined, void> {
  const descriptor = openSync(path, "r");
  try {
    const file = new PageFile(descriptor, meta.pageBytes);
    const walk = new TreeWalk({ path, file, ...meta });
    for (const { name, tree } of tables) {
      for (const _ of walk.steps(tree)) yield undefined;
      yield name;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Tables of so many leaf pages are checked within a millisecond. */
const SMALL_TABLE_PAGES = 64;
/** The few pages that are wanted lie anywhere. */
const SMALL_WINDOW_BYTES = 65_536;

function withFile<T>(
  path: string,
  windowBytes: number,
  use: (file: PageFile, meta: Meta) => T,
): T | undefined {
  const descriptor = openIfPresent(path);
  if (descriptor === undefined) return undefined;
  try {
    if (fstatSync(descriptor).size === 0) return undefined;
    const meta = newestMeta(path, descriptor);
    return use(new PageFile(descriptor, meta.pageBytes, windowBytes), meta);
  } finally {
    closeSync(descriptor);
  }
}

function openIfPresent(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
