import type { File } from "@kvorum/base";
import type { ScanBatch } from "../port.js";
import {
  BUCKET_HEADER_BYTES,
  decodePageHeader,
  FIRST_DATA_PAGE,
  FLAG_FREELIST,
  formatError,
  PAGE_HEADER_BYTES,
  pageTypeName,
  readPageId,
} from "./format.js";
import {
  BATCH_BYTES_MAX,
  BATCH_RECORDS_MAX,
  BUCKETS_MAX,
  PAGE_SIZE_MAX,
  PAGES_MAX,
} from "./limits.js";
import { decodeMeta, type Meta, type MetaResult, pageSizes } from "./meta.js";
import { type PagePlace, parsePage, visitLeaf } from "./page.js";
import { PageReader, readFully } from "./page-reader.js";
import { type LeafVisit, TreeCursor } from "./tree-cursor.js";

export interface ReadBoltOptions {
  /**
   * What to do with a bucket inside a bucket, which etcd never makes: "error" (the default) refuses
   * the file when the scan reaches it, "skip" leaves it out.
   */
  readonly nestedBuckets?: "error" | "skip";
}

/** An open bolt file. It keeps no state between scans; several may run at once. */
export interface BoltFile {
  readonly pageSize: number;
  /** Pages of the database; the file may be longer. */
  readonly pageCount: number;
  /** `pageCount * pageSize`: what etcd calls the size of a db. */
  readonly sizeBytes: number;
  readonly txid: bigint;
  /** Free pages by the stored freelist; undefined when none is stored (`checkBoltFile` counts). */
  readonly freePages: number | undefined;
  /** Names of the top-level buckets in byte order, one character a byte. */
  readonly buckets: readonly string[];
  /**
   * The records of one bucket in key order; nothing for a bucket that the file does not have. The
   * bytes are the receiver's to keep, but they are slices of read windows of up to 256 KiB: copy
   * what is kept for long.
   * @throws BackendError "FORMAT" | "IO" while iterating
   */
  scan(bucket: string): AsyncIterable<ScanBatch>;
}

/**
 * Opens a bbolt database (etcd's `db` file, or a snapshot of it, whose trailing hash is ignored).
 * The file stays the caller's: it must be open while scans run, and is not closed here. Memory is
 * constant whatever the size of the file. The counterpart of bbolt's `Open` with `ReadOnly`.
 * @throws BackendError "FORMAT" naming the file, the page and what is wrong; "IO"
 */
export async function readBoltFile(file: File, options: ReadBoltOptions = {}): Promise<BoltFile> {
  const { meta, reader } = await openPages(file);
  const freePages = await countFreePages(reader, meta);
  const buckets = await readBuckets(reader, meta);
  const skipNested = options.nestedBuckets === "skip";
  return {
    pageSize: meta.pageSize,
    pageCount: meta.pageCount,
    sizeBytes: meta.pageCount * meta.pageSize,
    txid: meta.txid,
    freePages,
    buckets: [...buckets.keys()],
    scan: (bucket) => scanBucket(reader, { name: bucket, value: buckets.get(bucket), skipNested }),
  };
}

/** Chooses the meta page that counts and checks its bounds against the file. */
export async function openPages(file: File): Promise<{ meta: Meta; reader: PageReader }> {
  const meta = await findMeta(file);
  const sizeBytes = await file.sizeBytes();
  const needed = meta.pageCount * meta.pageSize;
  if (needed > sizeBytes) {
    const pages = `${meta.pageCount} pages of ${meta.pageSize} bytes`;
    const what = `truncated: ${pages} are ${needed} bytes, the file has ${sizeBytes}`;
    throw formatError(file.path, what);
  }
  if (meta.pageCount > PAGES_MAX) {
    throw formatError(file.path, `${meta.pageCount} pages are more than ${PAGES_MAX}`);
  }
  if (meta.rootPage < FIRST_DATA_PAGE || meta.rootPage >= meta.pageCount) {
    const what = `meta page: root page ${meta.rootPage} is out of bounds: ${meta.pageCount}`;
    throw formatError(file.path, what);
  }
  const bounds = { pageSize: meta.pageSize, pageCount: meta.pageCount };
  return { meta, reader: new PageReader(file, bounds) };
}

async function findMeta(file: File): Promise<Meta> {
  const head = Buffer.alloc(PAGE_SIZE_MAX + 128);
  const bytes = head.subarray(0, await readFully(file, head, 0));
  const first = decodeMeta(bytes, 0);
  // When page 0 is damaged its page size is unknown: the second one may stand at any of the sizes.
  const places = first.ok ? [first.meta.pageSize] : pageSizes();
  let second: MetaResult = { ok: false, reason: "not found" };
  for (const place of places) {
    second = decodeMeta(bytes, place);
    if (second.ok && second.meta.pageSize === place) break;
    if (second.ok) second = { ok: false, reason: `page size is ${second.meta.pageSize}` };
  }
  if (first.ok && second.ok) return second.meta.txid > first.meta.txid ? second.meta : first.meta;
  if (first.ok) return first.meta;
  if (second.ok) return second.meta;
  const what = `not a bolt database: meta page 0: ${first.reason}; meta page 1: ${second.reason}`;
  throw formatError(file.path, what);
}

async function countFreePages(reader: PageReader, meta: Meta): Promise<number | undefined> {
  if (meta.freelistPage === undefined) return undefined;
  return (await readFreelist(reader, meta.freelistPage)).length;
}

/**
 * Ids of the stored freelist, as they stand there; nothing but their number is checked.
 * @throws BackendError "FORMAT" when the page is none, or too small for its count
 */
export async function readFreelist(reader: PageReader, id: number): Promise<number[]> {
  const page = await reader.page(id);
  const header = decodePageHeader(page);
  if (header.id !== id || header.flags !== FLAG_FREELIST) {
    const what = `page ${id}: not a freelist page but ${pageTypeName(header.flags)} ${header.id}`;
    throw formatError(reader.path, what);
  }
  // A count of 65,535 says that the real one is the first entry.
  const isLong = header.count === 0xffff;
  const start = PAGE_HEADER_BYTES + (isLong ? 8 : 0);
  const count = isLong ? readPageId(page, PAGE_HEADER_BYTES) : header.count;
  if (start + count * 8 > page.length) {
    throw formatError(reader.path, `page ${id}: a freelist of ${count} pages does not fit`);
  }
  return Array.from({ length: count }, (_, i) => readPageId(page, start + i * 8));
}

/** Name -> bucket value (header, and the page of an inline bucket), in byte order of the names. */
async function readBuckets(reader: PageReader, meta: Meta): Promise<Map<string, Buffer>> {
  const buckets = new Map<string, Buffer>();
  const cursor = new TreeCursor(reader, meta.rootPage);
  for (let leaf = await cursor.nextLeaf(); leaf !== undefined; leaf = await cursor.nextLeaf()) {
    const { page, place } = leaf;
    if (buckets.size + page.count > BUCKETS_MAX) {
      throw formatError(reader.path, `${place.label}: more than ${BUCKETS_MAX} buckets`);
    }
    const { bytes } = page;
    visitLeaf(page, place, (nameStart, valueStart, end, isBucket) => {
      const name = bytes.latin1Slice(nameStart, valueStart);
      if (!isBucket) {
        throw formatError(reader.path, `${place.label}: top-level key "${name}" is not a bucket`);
      }
      buckets.set(name, Buffer.from(bytes.subarray(valueStart, end)));
    });
  }
  return buckets;
}

interface BucketScan {
  readonly name: string;
  readonly value: Buffer | undefined;
  readonly skipNested: boolean;
}

async function* scanBucket(reader: PageReader, bucket: BucketScan): AsyncGenerator<ScanBatch> {
  if (bucket.value === undefined) return;
  const root = bucketRoot(reader.path, bucket.name, bucket.value);
  const batch = new BatchBuilder();
  if (root.kind === "inline") {
    for (const full of readRecords(root.leaf, bucket, batch)) yield full;
  } else {
    const cursor = new TreeCursor(reader, root.page);
    for (let leaf = await cursor.nextLeaf(); leaf !== undefined; leaf = await cursor.nextLeaf()) {
      for (const full of readRecords(leaf, bucket, batch)) yield full;
    }
  }
  const rest = batch.take();
  if (rest.keys.length > 0) yield rest;
}

/** Adds the records of one leaf to `batch`; returns the batches that became full. */
function readRecords(leaf: LeafVisit, bucket: BucketScan, batch: BatchBuilder): ScanBatch[] {
  const full: ScanBatch[] = [];
  const { bytes } = leaf.page;
  visitLeaf(leaf.page, leaf.place, (keyStart, valueStart, end, isBucket) => {
    if (isBucket) {
      if (bucket.skipNested) return;
      const key = bytes.toString("hex", keyStart, valueStart);
      const what = `bucket "${bucket.name}" holds a bucket (hex)${key}; etcd has none in buckets`;
      throw formatError(leaf.place.path, `${leaf.place.label}: ${what}`);
    }
    if (batch.isFullWith(end - keyStart)) full.push(batch.take());
    batch.add(bytes.subarray(keyStart, valueStart), bytes.subarray(valueStart, end));
  });
  return full;
}

/** Where a bucket's records stand: in a tree of pages, or in a leaf inside the bucket's value. */
export type BucketRoot =
  | { readonly kind: "tree"; readonly page: number }
  | { readonly kind: "inline"; readonly leaf: LeafVisit };

/** @throws BackendError "FORMAT" when the value is not a bucket's */
export function bucketRoot(path: string, name: string, value: Buffer): BucketRoot {
  if (value.length < BUCKET_HEADER_BYTES) {
    const what = `its header has ${value.length} bytes, not ${BUCKET_HEADER_BYTES}`;
    throw formatError(path, `bucket "${name}": ${what}`);
  }
  const page = readPageId(value, 0);
  if (page !== 0) return { kind: "tree", page };
  const label = `inline page of bucket "${name}"`;
  const bytes = value.subarray(BUCKET_HEADER_BYTES);
  if (bytes.length < PAGE_HEADER_BYTES) throw formatError(path, `${label}: cut short`);
  const place: PagePlace = { path, id: 0, label, low: undefined, high: undefined };
  const parsed = parsePage(bytes, place);
  if (parsed.isBranch) throw formatError(path, `${label}: invalid type: branch`);
  return { kind: "inline", leaf: { page: parsed, place } };
}

/** Gathers records up to the bounds of a `ScanBatch`. */
class BatchBuilder {
  #keys: Buffer[] = [];
  #values: Buffer[] = [];
  #bytes = 0;

  isFullWith(moreBytes: number): boolean {
    if (this.#keys.length === 0) return false;
    return this.#keys.length === BATCH_RECORDS_MAX || this.#bytes + moreBytes > BATCH_BYTES_MAX;
  }

  add(key: Buffer, value: Buffer): void {
    this.#keys.push(key);
    this.#values.push(value);
    this.#bytes += key.length + value.length;
  }

  take(): ScanBatch {
    const batch = { keys: this.#keys, values: this.#values };
    this.#keys = [];
    this.#values = [];
    this.#bytes = 0;
    return batch;
  }
}
