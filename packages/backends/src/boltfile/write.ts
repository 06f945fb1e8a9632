import { compareBytes } from "@kvorum/base";
import { BackendError, BUCKETS, type Bucket, type ScanBatch } from "../port.js";
import { BUCKET_HEADER_BYTES, FIRST_DATA_PAGE, FLAG_LEAF, PAGE_HEADER_BYTES } from "./format.js";
import {
  CHUNK_BYTES_DEFAULT,
  KEY_BYTES_MAX,
  PAGE_SIZE_DEFAULT,
  VALUE_BYTES_MAX,
} from "./limits.js";
import { encodeMetaPage } from "./meta.js";
import { ChunkOutput, TreeWriter } from "./page-writer.js";
import { type ClosedPage, PageAllocator, TreePacker } from "./tree-packer.js";

/** What is written: a frozen `View` of the port serves. Each bucket is scanned twice, alike. */
export interface BoltSource {
  scan(bucket: Bucket): AsyncIterable<ScanBatch>;
}

export interface WriteBoltOptions {
  /** Id of the transaction that the file claims, at least 1. Default 1. */
  readonly txid?: bigint;
  /** A power of two from 512 to 65,536. Default 4,096, as on Linux. */
  readonly pageSize?: number;
  /** Bytes of one chunk. Default 1 MiB. */
  readonly chunkBytes?: number;
}

/** The bytes of a file, produced in order and once. */
export interface BoltStream {
  /** All bytes that `chunks` will give. */
  readonly totalBytes: number;
  /** Chunks are the receiver's to keep. To be iterated once. */
  readonly chunks: AsyncGenerator<Buffer, void, undefined>;
}

/**
 * Writes a whole bbolt database as a forward-only stream: all buckets of the port, filled pages, no
 * freelist (`0xffffffffffffffff`), meta page 0 with `txid` and meta page 1 with `txid - 1`.
 *
 * The meta pages come first and name the root page and the page count, which depend on everything
 * after them. So the source is scanned twice: first only sizes are looked at, to lay the file out,
 * then the pages are made. A spool file was the alternative: it scans once, but writes and reads
 * the whole database on a disk that may lack the room. Memory is constant, a few chunks.
 *
 * ```
 * page  0     1     2 ...                                    pageCount - 1
 *      meta  meta  leaves and branches, bucket by bucket    root bucket
 * ```
 * Resolves after the first scan.
 * @throws BackendError "CORRUPT" when the source breaks the key order or changes between the scans
 *   (while iterating); errors of the source
 */
export async function writeBoltFile(
  source: BoltSource,
  options: WriteBoltOptions = {},
): Promise<BoltStream> {
  const pageSize = options.pageSize ?? PAGE_SIZE_DEFAULT;
  const layout = await planLayout(source, pageSize);
  return {
    totalBytes: layout.pageCount * pageSize,
    chunks: emit(source, {
      ...layout,
      pageSize,
      txid: options.txid ?? 1n,
      chunkBytes: Math.max(options.chunkBytes ?? CHUNK_BYTES_DEFAULT, pageSize),
    }),
  };
}

interface Layout {
  readonly rootPage: number;
  readonly pageCount: number;
}

/** An empty bucket: its header with root page 0, and an empty leaf page inline. */
const EMPTY_BUCKET = ((): Buffer => {
  const value = Buffer.alloc(BUCKET_HEADER_BYTES + PAGE_HEADER_BYTES);
  value.writeUInt16LE(FLAG_LEAF, BUCKET_HEADER_BYTES + 8);
  return value;
})();

function bucketValue(root: number | undefined): Buffer {
  if (root === undefined) return EMPTY_BUCKET;
  const value = Buffer.alloc(BUCKET_HEADER_BYTES);
  value.writeBigUInt64LE(BigInt(root), 0);
  return value;
}

/** The first scan: sizes only. */
async function planLayout(source: BoltSource, pageSize: number): Promise<Layout> {
  const allocator = new PageAllocator(FIRST_DATA_PAGE);
  const onPage = (): void => {};
  const root = new TreePacker({ pageSize, allocator, onPage });
  for (const bucket of BUCKETS) {
    const packer = new TreePacker({ pageSize, allocator, onPage });
    for await (const { keys, values } of source.scan(bucket)) {
      for (let i = 0; i < keys.length; i++) packer.add(keys[i]!.length, values[i]!.length);
    }
    root.add(bucket.length, bucketValue(packer.finish()).length);
  }
  const rootPage = root.finish()!;
  return { rootPage, pageCount: allocator.pageCount };
}

interface EmitOptions extends Layout {
  readonly pageSize: number;
  readonly txid: bigint;
  readonly chunkBytes: number;
}

/** The second scan: pages. */
async function* emit(source: BoltSource, options: EmitOptions): AsyncGenerator<Buffer, void> {
  const { pageSize, pageCount } = options;
  const output = new ChunkOutput(options.chunkBytes);
  const allocator = new PageAllocator(FIRST_DATA_PAGE);
  writeMetaPages(output, options);
  const root = openTree({ output, allocator, pageSize, isRootBucket: true });
  for (const bucket of BUCKETS) {
    const tree = openTree({ output, allocator, pageSize, isRootBucket: false });
    let previous: Uint8Array | undefined;
    for await (const { keys, values } of source.scan(bucket)) {
      for (let i = 0; i < keys.length; i++) {
        const key = keys[i]!;
        const value = values[i]!;
        checkRecord({ bucket, key, value, previous });
        tree.packer.add(key.length, value.length);
        tree.writer.push(key, value);
        previous = key;
      }
      if (allocator.pageCount > pageCount) throw sourceChanged(bucket);
      yield* output.takeReady();
    }
    const value = bucketValue(tree.packer.finish());
    const name = Buffer.from(bucket, "latin1");
    root.packer.add(name.length, value.length);
    root.writer.push(name, value);
  }
  const rootPage = root.packer.finish();
  if (rootPage !== options.rootPage || allocator.pageCount !== pageCount) {
    throw sourceChanged("(all)");
  }
  output.flush();
  yield* output.takeReady();
}

interface OpenTree {
  readonly packer: TreePacker;
  readonly writer: TreeWriter;
}

function openTree(options: {
  readonly output: ChunkOutput;
  readonly allocator: PageAllocator;
  readonly pageSize: number;
  readonly isRootBucket: boolean;
}): OpenTree {
  const { output, allocator, pageSize } = options;
  const writer = new TreeWriter(output, options);
  const onPage = (page: ClosedPage): void => writer.writePage(page);
  return { writer, packer: new TreePacker({ pageSize, allocator, onPage }) };
}

function writeMetaPages(output: ChunkOutput, options: EmitOptions): void {
  const { pageSize, rootPage, pageCount, txid } = options;
  for (const id of [0, 1]) {
    const page = output.reserve(pageSize).fill(0);
    const meta = { pageSize, rootPage, pageCount, freelistPage: undefined };
    encodeMetaPage(page, 0, { ...meta, id, txid: txid - BigInt(id) });
  }
}

function checkRecord(record: {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly previous: Uint8Array | undefined;
}): void {
  const { bucket, key, value, previous } = record;
  if (key.length === 0 || key.length > KEY_BYTES_MAX || value.length > VALUE_BYTES_MAX) {
    const what = `a key of ${key.length} and a value of ${value.length} bytes`;
    throw new BackendError("CORRUPT", `bucket "${bucket}": ${what} have no place in a bolt file`);
  }
  if (previous !== undefined && compareBytes(previous, key) >= 0) {
    const hex = Buffer.from(key).toString("hex");
    throw new BackendError("CORRUPT", `bucket "${bucket}": key (hex)${hex} is out of order`);
  }
}

function sourceChanged(bucket: string): BackendError {
  const what = "the source gave other records in the second scan than in the first";
  return new BackendError("CORRUPT", `bucket "${bucket}": ${what}`);
}
