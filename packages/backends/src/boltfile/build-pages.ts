import { packedOf } from "../common/packed-batch.js";
import {
  BackendError,
  BUCKETS,
  type Bucket,
  type PackedRecords,
  type PagesLayout,
  type ScanBatch,
  type View,
} from "../port.js";
import { ChunkMemory } from "./chunk-memory.js";
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
  /** Takes the place of `buildPages` for this source. */
  pages?: View["pages"];
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
export interface BuildOptions extends PageOptions {
  readonly txid: bigint;
}

export interface PageOptions {
  readonly pageSize: number;
  /** Of the chunks. */
  readonly memory: ChunkMemory;
}

export function buildOptions(options: WriteBoltOptions): BuildOptions {
  const pageSize = options.pageSize ?? PAGE_SIZE_DEFAULT;
  const chunkBytes = Math.max(options.chunkBytes ?? CHUNK_BYTES_DEFAULT, 2 * pageSize);
  return { txid: options.txid ?? 1n, pageSize, memory: new ChunkMemory(chunkBytes) };
}

/**
 * All pages but the two meta pages, in file order: the trees of all buckets of the port, then the
 * root bucket. Returns what the meta pages have to say. Memory: a few chunks.
 * @param fixedRootPage where the root bucket has to stand, behind pages of zeros, if the pages
 *   before it leave room; else it follows at once
 * @throws BackendError "CORRUPT" when the source breaks the key order; errors of the source
 */
export async function* buildPages(
  source: BoltSource,
  { pageSize, memory }: PageOptions,
  fixedRootPage = 0,
): AsyncGenerator<Buffer, PagesLayout, undefined> {
  const output = new ChunkOutput(memory);
  const allocator = new PageAllocator(FIRST_DATA_PAGE);
  const root = openTree({ output, allocator, pageSize, isRootBucket: true });
  for (const bucket of BUCKETS) {
    const tree = openTree({ output, allocator, pageSize, isRootBucket: false });
    let previous = EMPTY;
    for await (const batch of source.scan(bucket)) {
      const records = packedOf(batch);
      checkSizes(records, bucket);
      if (!records.inOrder) previous = checkOrder(records, { bucket, previous });
      addTo(tree, records);
      yield* output.takeReady();
    }
    addTo(root, bucketRecord(bucket, tree.packer.finish()));
  }
  while (allocator.pageCount < fixedRootPage) {
    allocator.take(1);
    const at = output.reserve(pageSize);
    output.chunk.fill(0, at, at + pageSize);
    yield* output.takeReady();
  }
  const rootPage = root.packer.finish()!;
  output.flush();
  yield* output.takeReady();
  return { rootPage, pageCount: allocator.pageCount };
}

/**
 * The layout that `buildPages` will return for the same records: one scan that looks at sizes only.
 * @param reserved a bucket that is not scanned, and the pages that its tree has
 */
export async function planLayout(
  source: BoltSource,
  pageSize: number,
  reserved?: { readonly bucket: Bucket; readonly pages: number },
): Promise<PagesLayout> {
  const allocator = new PageAllocator(FIRST_DATA_PAGE);
  const onPage = (): void => {};
  const root = new TreePacker({ pageSize, allocator, onPage });
  for (const bucket of BUCKETS) {
    if (bucket === reserved?.bucket) {
      root.addAll(bucketRecord(bucket, allocator.take(reserved.pages)));
      continue;
    }
    const packer = new TreePacker({ pageSize, allocator, onPage });
    for await (const batch of source.scan(bucket)) {
      const records = packedOf(batch);
      packer.addAll(records);
      records.recycle?.();
    }
    root.addAll(bucketRecord(bucket, packer.finish()));
  }
  const rootPage = root.finish()!;
  return { rootPage, pageCount: allocator.pageCount };
}

/** The two meta pages: page 0 with the txid, page 1 with the one before, both valid. */
export function metaPages(layout: PagesLayout, { pageSize, txid }: BuildOptions): Buffer {
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

/** The record of the root bucket that says where a bucket's tree begins. */
function bucketRecord(bucket: Bucket, root: number | undefined): PackedRecords {
  let value = EMPTY_BUCKET;
  if (root !== undefined) {
    value = Buffer.alloc(BUCKET_HEADER_BYTES);
    value.writeBigUInt64LE(BigInt(root), 0);
  }
  const bytes = Buffer.concat([Buffer.from(bucket, "latin1"), value]);
  return { count: 1, bytes, bounds: Uint32Array.of(0, bucket.length, bytes.length) };
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

function addTo({ packer, writer }: OpenTree, records: PackedRecords): void {
  writer.push(records);
  packer.addAll(records);
}

function checkSizes({ count, bounds }: PackedRecords, bucket: Bucket): void {
  for (let at = 0; at < 3 * count; at += 3) {
    const valueStart = bounds[at + 1]!;
    const keyBytes = valueStart - bounds[at]!;
    const valueBytes = bounds[at + 2]! - valueStart;
    if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX || valueBytes > VALUE_BYTES_MAX) {
      const what = `a key of ${keyBytes} and a value of ${valueBytes} bytes`;
      throw new BackendError("CORRUPT", `bucket "${bucket}": ${what} have no place in a bolt file`);
    }
  }
}

/** Returns the last key. */
function checkOrder(
  { count, bytes, bounds }: PackedRecords,
  { bucket, previous }: { readonly bucket: Bucket; readonly previous: Uint8Array },
): Uint8Array {
  let before = previous;
  let beforeStart = 0;
  let beforeEnd = before.length;
  for (let at = 0; at < 3 * count; at += 3) {
    const keyStart = bounds[at]!;
    const valueStart = bounds[at + 1]!;
    // By hand, because keys are short and a native call costs more than the comparison.
    let left = beforeStart;
    let right = keyStart;
    while (left < beforeEnd && right < valueStart && before[left] === bytes[right]) {
      left++;
      right++;
    }
    if (right === valueStart || (left < beforeEnd && before[left]! > bytes[right]!)) {
      const hex = Buffer.from(bytes.subarray(keyStart, valueStart)).toString("hex");
      throw new BackendError("CORRUPT", `bucket "${bucket}": key (hex)${hex} is out of order`);
    }
    before = bytes;
    beforeStart = keyStart;
    beforeEnd = valueStart;
  }
  // A copy, because the batch's memory may hold other records when the next one is compared.
  return Uint8Array.prototype.slice.call(before, beforeStart, beforeEnd);
}

const EMPTY: Uint8Array = new Uint8Array(0);
