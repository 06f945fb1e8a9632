import { type FileHandle, open } from "node:fs/promises";
import { crc32c } from "@node-rs/crc32";
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
const READ_BYTES = 4 << 20;

interface Block {
  readonly offset: number;
  readonly length: number;
}

/**
 * Checks every block of every table against its checksum. LevelDB has these checksums and reads
 * without looking at them, so a key that was damaged would only be missing. Costs one sequential
 * read of the files at open, which the scan that follows a start then finds in memory.
 *
 *     table = data blocks | metaindex block | index block | footer
 *     footer = handles of metaindex and index (varints, padded to 40) | magic (8, LE)
 *
 * Source: LevelDB, doc/table_format.md.
 * @throws BackendError "CORRUPT" naming the table
 */
export async function verifyTables(directory: string, live: LiveFiles): Promise<void> {
  for (const file of await filesOf(directory, [".ldb", ".sst"])) {
    // A table that was being written when the process ended has no end, and isn't live.
    if (!live.tables.has(fileNumber(file))) continue;
    const handle = await open(file, "r");
    try {
      await verifyTable(file, handle);
    } finally {
      await handle.close();
    }
  }
}

async function verifyTable(file: string, handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  if (size < FOOTER_BYTES) throw damaged(file, "footer");
  const footer = await readAt(handle, size - FOOTER_BYTES, FOOTER_BYTES);
  if (footer.readBigUInt64LE(40) !== MAGIC) throw damaged(file, "footer");
  const metaindex = readHandle(footer, 0);
  const index = readHandle(footer, metaindex.next);
  for (const block of [metaindex, index]) {
    if (block.offset + block.length + TRAILER_BYTES > size) throw damaged(file, "footer");
  }
  const indexBytes = await readAt(handle, index.offset, index.length + TRAILER_BYTES);
  checkBlock(file, indexBytes, index);
  const metaBytes = await readAt(handle, metaindex.offset, metaindex.length + TRAILER_BYTES);
  checkBlock(file, metaBytes, metaindex);
  const contents = indexBytes.subarray(0, index.length);
  const entries = indexBytes[index.length] === 1 ? inflateSnappy(contents) : contents;
  await checkBlocks(file, handle, blocksOf(entries));
}

/** Blocks lie one after the other, so several are read in one go. */
async function checkBlocks(file: string, handle: FileHandle, blocks: Block[]): Promise<void> {
  let first = 0;
  while (first < blocks.length) {
    const start = blocks[first]!.offset;
    let last = first;
    while (last + 1 < blocks.length && endOf(blocks[last + 1]!) - start <= READ_BYTES) last++;
    const bytes = await readAt(handle, start, endOf(blocks[last]!) - start);
    for (const block of blocks.slice(first, last + 1)) {
      checkBlock(file, bytes.subarray(block.offset - start, endOf(block) - start), block);
    }
    first = last + 1;
  }
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
 * The handles in an index block.
 *
 *     entry = shared key bytes | other key bytes | value length (varints) | key part | value
 *     block = entries | restart offsets (4 each) | number of restarts (4, LE)
 */
function blocksOf(index: Buffer): Block[] {
  const restarts = index.readUInt32LE(index.length - 4);
  const end = index.length - 4 - 4 * restarts;
  const blocks: Block[] = [];
  let at = 0;
  while (at < end) {
    const shared = readVarint(index, at);
    const keyRest = readVarint(index, shared.next);
    const valueLength = readVarint(index, keyRest.next);
    const value = valueLength.next + keyRest.value;
    blocks.push(readHandle(index, value));
    at = value + valueLength.value;
  }
  return blocks;
}

function readHandle(bytes: Buffer, at: number): Block & { readonly next: number } {
  const offset = readVarint(bytes, at);
  const length = readVarint(bytes, offset.next);
  return { offset: offset.value, length: length.value, next: length.next };
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  const { bytesRead } = await handle.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

function damaged(file: string, part: string): BackendError {
  return new BackendError(
    "CORRUPT",
    `${file}: the ${part} is damaged (wrong checksum); ` +
      "restore this member from a snapshot or from its peers",
  );
}
