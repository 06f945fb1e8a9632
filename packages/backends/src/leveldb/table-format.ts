import { fstatSync, readSync } from "node:fs";
import { crc32c } from "@node-rs/crc32";
import { BackendError } from "../port.js";
import { unmask } from "./masked-checksum.js";
import { inflateSnappy } from "./snappy.js";
import { readVarint } from "./varint.js";

const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** After each block: compression type (1) and masked CRC-32C of block and type (4). */
export const TRAILER_BYTES = 5;

/** Where a block lies; its trailer follows. */
export interface Block {
  readonly offset: number;
  readonly length: number;
}

/** A table that is live, open until it is verified, so that a compaction can't take it away. */
export interface OpenTable {
  readonly file: string;
  readonly descriptor: number;
}

/** A data block as the index of its table tells of it. */
export interface IndexEntry {
  /** At least the last key of the block and below all keys after it; the internal form. */
  readonly key: Buffer;
  readonly block: Block;
}

/**
 * What tells where records are, checked.
 *
 *     table = data blocks | filter block | metaindex block | index block | footer
 *     footer = handles of metaindex and index (varints, padded to 40) | magic (8, LE)
 *     internal key = key | kind and sequence number (8)
 *
 * Source: LevelDB, doc/table_format.md.
 * @throws BackendError "CORRUPT" naming the table
 */
export function readTable(table: OpenTable): {
  readonly meta: readonly Block[];
  readonly data: readonly IndexEntry[];
} {
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
  const meta = entriesOf(readBlock(table, metaindex)).map(({ block }) => block);
  return { meta, data: entriesOf(readBlock(table, index)) };
}

/** The plain contents of a block that tells of others, checked. */
function readBlock({ file, descriptor }: OpenTable, block: Block): Buffer {
  const bytes = readAt(descriptor, block.offset, block.length + TRAILER_BYTES);
  checkBlock(file, bytes, block);
  const contents = bytes.subarray(0, block.length);
  return bytes[block.length] === 1 ? inflateSnappy(contents) : contents;
}

/** The position behind the trailer of a block. */
export function endOf(block: Block): number {
  return block.offset + block.length + TRAILER_BYTES;
}

/** @param bytes of the block with its trailer */
export function checkBlock(file: string, bytes: Buffer, block: Block): void {
  const covered = block.length + 1;
  const whole = bytes.length === block.length + TRAILER_BYTES;
  if (!whole || unmask(bytes.readUInt32LE(covered)) !== crc32c(bytes.subarray(0, covered))) {
    throw damaged(file, `block at byte ${block.offset}`);
  }
}

/**
 * The handles in an index block, each with its key.
 *
 *     entry = shared key bytes | other key bytes | value length (varints) | key part | value
 *     block = entries | restart offsets (4 each) | number of restarts (4, LE)
 */
function entriesOf(index: Buffer): IndexEntry[] {
  const restarts = index.readUInt32LE(index.length - 4);
  const end = index.length - 4 - 4 * restarts;
  const entries: IndexEntry[] = [];
  let key: Buffer = Buffer.alloc(0);
  let at = 0;
  while (at < end) {
    const shared = readVarint(index, at);
    const keyRest = readVarint(index, shared.next);
    const valueLength = readVarint(index, keyRest.next);
    const value = valueLength.next + keyRest.value;
    key = Buffer.concat([key.subarray(0, shared.value), index.subarray(valueLength.next, value)]);
    entries.push({ key, block: readHandle(index, value) });
    at = value + valueLength.value;
  }
  return entries;
}

function readHandle(bytes: Buffer, at: number): Block & { readonly next: number } {
  const offset = readVarint(bytes, at);
  const length = readVarint(bytes, offset.next);
  return { offset: offset.value, length: length.value, next: length.next };
}

/** Up to `length` bytes: fewer where the file ends. */
export function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position));
}

/** The error that tells of a damaged part of a table. */
export function damaged(file: string, part: string): BackendError {
  return new BackendError(
    "CORRUPT",
    `${file}: the ${part} is damaged (wrong checksum); ` +
      "restore this member from a snapshot or from its peers",
  );
}
