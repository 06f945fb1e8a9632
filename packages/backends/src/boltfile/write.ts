import type { File } from "@kvorum/base";
import { BackendError, type PagesLayout } from "../port.js";
import {
  type BoltSource,
  type BuildOptions,
  buildOptions,
  buildPages,
  metaPages,
  planLayout,
  type WriteBoltOptions,
} from "./build-pages.js";
import type { ChunkMemory } from "./chunk-memory.js";
import { type BoundedBucket, worthwhileBound } from "./page-bound.js";

/** The bytes of a file, produced in order and once. */
export interface BoltStream {
  /** All bytes that `chunks` will give. */
  readonly totalBytes: number;
  /** Chunks are the receiver's to keep, or to be given back to `memory`. To be iterated once. */
  readonly chunks: AsyncGenerator<Buffer, void, undefined>;
  readonly memory: ChunkMemory;
}

/**
 * Writes a whole bbolt database as a forward-only stream: all buckets of the port, filled pages, no
 * freelist (`0xffffffffffffffff`), meta page 0 with `txid` and meta page 1 with `txid - 1`.
 *
 * ```
 * page  0     1     2 ...                                    pageCount - 1
 *      meta  meta  leaves and branches, bucket by bucket    root bucket
 * ```
 * The meta pages come first and name the root page and the page count, which depend on everything
 * after them. So the source is scanned twice, and must give the same both times: first only sizes
 * are looked at, to lay the file out, then the pages are made. Where a scan costs more than writing
 * to a disk, as with most engines, `writeBoltFileTo` and `snapshotFileStream` scan once instead.
 * Memory is constant, a few chunks.
 *
 * Resolves after the first scan.
 * @throws BackendError "CORRUPT" when the source breaks the key order or changes between the scans
 *   (while iterating); errors of the source
 */
export async function writeBoltFile(
  source: BoltSource,
  options: WriteBoltOptions = {},
): Promise<BoltStream> {
  const build = buildOptions(options);
  const layout = await planLayout(source, build.pageSize);
  const chunks = emit(source, layout, build);
  return { totalBytes: layout.pageCount * build.pageSize, chunks, memory: build.memory };
}

/**
 * The same with a single scan, for a source that says of its large bucket how much it holds at most:
 * the root bucket gets its place in advance, as far behind as it can ever have to stand, and pages
 * of zeros fill what is then left before it. A database without a freelist may have such pages: they
 * are free ones. The other buckets are scanned twice, so they should be small.
 *
 * ```
 * page  0     1     2 ...                                           pageCount - 1
 *      meta  meta  leaves and branches, bucket by bucket   zeros   root bucket
 * ```
 * Resolves to undefined when the bound is so loose, or the content so small, that it is not worth
 * the zeros.
 * @throws BackendError "CORRUPT" while iterating, when the bucket holds more than was said; as
 *   `writeBoltFile`
 */
export async function writeBoltFileWithin(
  source: BoltSource,
  bounded: BoundedBucket,
  options: WriteBoltOptions = {},
): Promise<BoltStream | undefined> {
  const build = buildOptions(options);
  const pages = worthwhileBound(bounded, build.pageSize);
  if (pages === undefined) return undefined;
  const layout = await planLayout(source, build.pageSize, { bucket: bounded.bucket, pages });
  const exceeded = (): BackendError => {
    bounded.onExceeded?.();
    const what = `bucket "${bounded.bucket}" has more than the ${pages} pages it was said to have`;
    return new BackendError("CORRUPT", `bolt file: ${what}`);
  };
  const chunks = emit(source, layout, build, exceeded);
  return { totalBytes: layout.pageCount * build.pageSize, chunks, memory: build.memory };
}

async function* emit(
  source: BoltSource,
  layout: PagesLayout,
  options: BuildOptions,
  exceeded?: () => BackendError,
): AsyncGenerator<Buffer, void, undefined> {
  yield metaPages(layout, options);
  let bytesLeft = (layout.pageCount - 2) * options.pageSize;
  // With a bound the root bucket stands where it was said to, unless the pages before it go beyond.
  const pages = pagesOf(source, options, exceeded === undefined ? undefined : layout.rootPage);
  try {
    let step = await pages.next();
    for (; !step.done; step = await pages.next()) {
      bytesLeft -= step.value.length;
      if (bytesLeft < 0) throw exceeded?.() ?? sourceChanged();
      yield step.value;
    }
    const { rootPage } = step.value;
    if (rootPage > layout.rootPage && exceeded !== undefined) throw exceeded();
    if (rootPage !== layout.rootPage || bytesLeft !== 0) throw sourceChanged();
  } finally {
    await pages.return(layout);
  }
}

/** Made by the source itself where it can. */
function pagesOf(
  source: BoltSource,
  options: BuildOptions,
  rootPage?: number,
): AsyncGenerator<Buffer, PagesLayout, undefined> {
  const { pageSize, memory } = options;
  return source.pages?.({ pageSize, rootPage, memory }) ?? buildPages(source, options, rootPage);
}

/**
 * Writes the same database into an empty file with a single scan: the meta pages go in last. Not
 * synced; the file stays open and the caller's. While it is being written it is no valid database.
 * @returns the size of the database in bytes
 * @throws BackendError "CORRUPT" when the source breaks the key order; errors of the source and of
 *   the file
 */
export async function writeBoltFileTo(
  source: BoltSource,
  file: File,
  options: WriteBoltOptions = {},
): Promise<number> {
  const build = buildOptions(options);
  const pages = pagesOf(source, build);
  let position = 2 * build.pageSize;
  // One write is under way while the next pages are made.
  let writing: Promise<void> = Promise.resolve();
  try {
    let step = await pages.next();
    for (; !step.done; step = await pages.next()) {
      await writing;
      const chunk = step.value;
      writing = file.write(chunk, position).then(() => build.memory.give(chunk));
      writing.catch(() => {});
      position += step.value.length;
    }
    await writing;
    await file.write(metaPages(step.value, build), 0);
    return position;
  } finally {
    await pages.return({ rootPage: 0, pageCount: 0 });
    await writing.catch(() => {});
  }
}

function sourceChanged(): BackendError {
  const what = "the source gave other records in the second scan than in the first";
  return new BackendError("CORRUPT", `bolt file: ${what}`);
}
