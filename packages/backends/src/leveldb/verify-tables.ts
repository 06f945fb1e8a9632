import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32c } from "@node-rs/crc32";
import { BUCKET_IDS } from "../common/bucket-id.js";
import { filesOf } from "../common/directory.js";
import { BackendError } from "../port.js";
import { fileNumber, type LiveFiles } from "./manifest.js";
import { unmask } from "./masked-checksum.js";
import { inflateSnappy } from "./snappy.js";
import { readVarint } from "./varint.js";

const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** After each block: compression type (1) and masked CRC-32C of block and type (4). */
const TRAILER_BYTES = 5;
const READ_BYTES = 1 << 20;

interface Block {
  readonly offset: number;
  readonly length: number;
}

/** A table that is live, open until it is verified, so that a compaction can't take it away. */
export interface OpenTable {
  readonly file: string;
  readonly descriptor: number;
}

/**
 * The parts of a table: "small" has what tells where records are and every block that may hold
 * records of another bucket than "key"; "large" has the rest.
 */
type Part = "small" | "large";

/** The live tables, opened. */
export async function openTables(directory: string, live: LiveFiles): Promise<OpenTable[]> {
  const files = await filesOf(directory, [".ldb", ".sst"]);
  const tables: OpenTable[] = [];
  try {
    for (const file of files) {
      // A table that was being written when the process ended has no end, and isn't live.
      if (!live.tables.has(fileNumber(file))) continue;
      tables.push({ file, descriptor: openSync(file, "r") });
    }
  } catch (error) {
    closeTables(tables);
    throw error;
  }
  return tables;
}

export function closeTables(tables: readonly OpenTable[]): void {
  for (const { descriptor } of tables) closeSync(descriptor);
}

/**
 * Checks blocks of tables against their checksums; yields after each megabyte or less. LevelDB has
 * these checksums and reads without looking at them, so a key that was damaged would only be
 * missing.
 *
 *     table = data blocks | filter block | metaindex block | index block | footer
 *     footer = handles of metaindex and index (varints, padded to 40) | magic (8, LE)
 *
 * Source: LevelDB, doc/table_format.md.
 * @throws BackendError "CORRUPT" naming the table
 */
export function* verifyTables(
  tables: readonly OpenTable[],
  parts: readonly Part[],
): Generator<void, void> {
  for (const table of tables) {
    const { small, large } = readTable(table);
    for (const part of parts) yield* checkBlocks(table, part === "small" ? small : large);
  }
}

/** The blocks of a table by parts, after checking what tells of them. */
function readTable(table: OpenTable): Readonly<Record<Part, readonly Block[]>> {
  const { file, descriptor } = table;
  const { size } = fstatSync(descriptor);
  if (size < FOOTER_BYTES) throw damaged(file, "footer");
  const footer = readAt(descriptor, size - FOOTER_BYTES, FOOTER_BYTES);
  if (footer.readBigUInt64LE(40) !== MAGIC) throw damaged(file, "footer");
  const metaindex = readHandle(footer, 0);
  const index = readHandle(footer, metaindex.next);
  for (const block of [metaindex, index]) {
    if (block.offset + block.length + TRAILER_BYTES > size) throw damaged(file, "footer");
  }
  const small: Block[] = entriesOf(readBlock(table, metaindex)).map(({ block }) => block);
  const large: Block[] = [];
  let isAfterKeyBucket = false;
  for (const { firstByte, block } of entriesOf(readBlock(table, index))) {
    // The keys of a block lie above the entry before it and up to its own.
    const isKeyBucket = firstByte === BUCKET_IDS.key;
    (isAfterKeyBucket && isKeyBucket ? large : small).push(block);
    isAfterKeyBucket = isKeyBucket;
  }
  return { small, large };
}

/** The plain contents of a block that tells of others, checked. */
function readBlock({ file, descriptor }: OpenTable, block: Block): Buffer {
  const bytes = readAt(descriptor, block.offset, block.length + TRAILER_BYTES);
  checkBlock(file, bytes, block);
  const contents = bytes.subarray(0, block.length);
  return bytes[block.length] === 1 ? inflateSnappy(contents) : contents;
}

/** Blocks lie one after the other, so several are read in one go. */
function* checkBlocks(
  { file, descriptor }: OpenTable,
  blocks: readonly Block[],
): Generator<void, void> {
  let first = 0;
  while (first < blocks.length) {
    const start = blocks[first]!.offset;
    let last = first;
    while (last + 1 < blocks.length && isNear(blocks[last]!, blocks[last + 1]!, start)) last++;
    const bytes = readAt(descriptor, start, endOf(blocks[last]!) - start);
    for (let i = first; i <= last; i++) {
      const block = blocks[i]!;
      checkBlock(file, bytes.subarray(block.offset - start, endOf(block) - start), block);
    }
    first = last + 1;
    yield;
  }
}

function isNear(block: Block, next: Block, start: number): boolean {
  return next.offset === endOf(block) && endOf(next) - start <= READ_BYTES;
}

function endOf(block: Block): number {
  return block.offset + block.length + TRAILER_BYTES;
}

function checkBlock(file: string, bytes: Buffer, block: Block): void {
  const covered = block.length + 1;
  const whole = bytes.length === block.length + TRAILER_BYTES;
  if (!whole || unmask(bytes.readUInt32LE(covered)) !== crc32c(bytes.subarray(0, covered))) {
    throw damaged(file, `block at byte ${block.offset}`);
  }
}

/**
 * The handles in an index block, each with the first byte of its key.
 *
 *     entry = shared key bytes | other key bytes | value length (varints) | key part | value
 *     block = entries | restart offsets (4 each) | number of restarts (4, LE)
 */
function entriesOf(
  index: Buffer,
): { readonly firstByte: number | undefined; readonly block: Block }[] {
  const restarts = index.readUInt32LE(index.length - 4);
  const end = index.length - 4 - 4 * restarts;
  const entries = [];
  let firstByte: number | undefined;
  let at = 0;
  while (at < end) {
    const shared = readVarint(index, at);
    const keyRest = readVarint(index, shared.next);
    const valueLength = readVarint(index, keyRest.next);
    const value = valueLength.next + keyRest.value;
    if (shared.value === 0) firstByte = index[valueLength.next];
    entries.push({ firstByte, block: readHandle(index, value) });
    at = value + valueLength.value;
  }
  return entries;
}

function readHandle(bytes: Buffer, at: number): Block & { readonly next: number } {
  const offset = readVarint(bytes, at);
  const length = readVarint(bytes, offset.next);
  return { offset: offset.value, length: length.value, next: length.next };
}

function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
}

function damaged(file: string, part: string): BackendError {
  return new BackendError(
    "CORRUPT",
    `${file}: the ${part} is damaged (wrong checksum); ` +
      "restore this member from a snapshot or from its peers",
  );
}
