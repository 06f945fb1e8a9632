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

/** What is written: a frozen `View` of the port serves. */
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

/** `WriteBoltOptions` with the defaults in place. */
export interface BuildOptions {
  readonly txid: bigint;
  readonly pageSize: number;
  readonly chunkBytes: number;
}

/** What the meta pages say of the pages after them. */
export interface Layout {
  readonly rootPage: number;
  readonly pageCount: number;
}

export function buildOptions(options: WriteBoltOptions): BuildOptions {
  const pageSize = options.pageSize ?? PAGE_SIZE_DEFAULT;
  const chunkBytes = Math.max(options.chunkBytes ?? CHUNK_BYTES_DEFAULT, 2 * pageSize);
  return { txid: options.txid ?? 1n, pageSize, chunkBytes };
}

/**
 * All pages but the two meta pages, in file order: the trees of all buckets of the port, then the
 * root bucket. Returns what the meta pages have to say. Memory: a few chunks.
 * @throws BackendError "CORRUPT" when the source breaks the key order; errors of the source
 */
export async function* buildPages(
  source: BoltSource,
  { pageSize, chunkBytes }: BuildOptions,
): AsyncGenerator<Buffer, Layout, undefined> {
  const output = new ChunkOutput(chunkBytes);
  const allocator = new PageAllocator(FIRST_DATA_PAGE);
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
      yield* output.takeReady();
    }
    const value = bucketValue(tree.packer.finish());
    const name = Buffer.from(bucket, "latin1");
    root.packer.add(name.length, value.length);
    root.writer.push(name, value);
  }
  const rootPage = root.packer.finish()!;
  output.flush();
  yield* output.takeReady();
  return { rootPage, pageCount: allocator.pageCount };
}

/**
 * The layout that `buildPages` will return for the same records: one scan that looks at sizes only.
 */
export async function planLayout(source: BoltSource, pageSize: number): Promise<Layout> {
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

/** The two meta pages: page 0 with the txid, page 1 with the one before, both valid. */
export function metaPages(layout: Layout, { pageSize, txid }: BuildOptions): Buffer {
  const bytes = Buffer.alloc(2 * pageSize);
  for (const id of [0, 1]) {
    const meta = { ...layout, pageSize, freelistPage: undefined, txid: txid - BigInt(id) };
    encodeMetaPage(bytes, id * pageSize, { ...meta, id });
  }
  return bytes;
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
