import { readSync } from "node:fs";
import type { CheckedBlocks } from "./checked-blocks.js";
import type { RecordCursor, StoredRange } from "./record-cursor.js";
import { inflateInto, plainLength } from "./snappy.js";
import {
  type Block,
  checkBlock,
  damaged,
  endOf,
  type IndexEntry,
  type OpenTable,
  readTable,
} from "./table-format.js";

/** Bytes that are read at a time: blocks that lie one after the other. */
const READ_BYTES = 256 << 10;
/** Behind a key stand its kind (1) and the sequence number (7, LE). */
const SUFFIX_BYTES = 8;

/**
 * The records of tables that don't overlap, in the order of their keys: of one level, or of one
 * table of level 0. Every block is checked against its checksum.
 *
 *     block = entries | restart offsets (4 each) | number of restarts (4, LE)
 *     entry = shared key bytes | other key bytes | value length (varints) | key part | value
 *
 * Source: LevelDB, doc/table_format.md and table/block_builder.cc.
 */
export class TableCursor implements RecordCursor {
  key: Buffer = Buffer.alloc(64);
  keyLength = 0;
  sequence = 0;
  isPut = false;
  values: Buffer = Buffer.alloc(16 << 10);
  valueStart = 0;
  valueEnd = 0;
  readonly #tables: readonly OpenTable[];
  readonly #range: StoredRange;
  readonly #checked: CheckedBlocks | undefined;
  /** Of the table that is being read. */
  #checkedOffsets: Set<number> | undefined;
  #nextTable = 0;
  #blocks: readonly IndexEntry[] = [];
  #nextBlock = 0;
  /** The blocks from the first one read up to `#nextRead`, which begin at `#readAt` of the file. */
  #read: Buffer = Buffer.alloc(0);
  #readAt = 0;
  #nextRead = 0;
  #at = 0;
  #entriesEnd = 0;

  /**
   * @param tables in the order of their keys; open until the scan is over
   * @param checked takes down the blocks that were read
   */
  constructor(tables: readonly OpenTable[], range: StoredRange, checked?: CheckedBlocks) {
    this.#tables = tables;
    this.#range = range;
    this.#checked = checked;
  }

  advance(): boolean {
    while (this.#at >= this.#entriesEnd) if (!this.#openBlock()) return false;
    const sharedLength = this.#number();
    const ownLength = this.#number();
    const valueLength = this.#number();
    const stored = sharedLength + ownLength;
    const { values } = this;
    const keyStart = this.#at;
    this.valueStart = keyStart + ownLength;
    this.valueEnd = this.#at = this.valueStart + valueLength;
    if (this.#at > this.#entriesEnd || stored < SUFFIX_BYTES) throw this.#damaged();
    if (stored > this.key.length) {
      const grown = Buffer.alloc(2 * stored);
      this.key.copy(grown);
      this.key = grown;
    }
    const { key } = this;
    for (let i = 0; i < ownLength; i++) key[sharedLength + i] = values[keyStart + i]!;
    const suffix = stored - SUFFIX_BYTES;
    this.keyLength = suffix;
    this.isPut = key[suffix] === 1;
    this.sequence = key.readUIntLE(suffix + 1, 3) + key.readUInt32LE(suffix + 4) * 2 ** 24;
    return true;
  }

  /** As `readVarint`, without an object for each. */
  #number(): number {
    const { values } = this;
    let byte = values[this.#at++]!;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = values[this.#at++]!;
      value += (byte & 0x7f) * scale;
    }
    return value;
  }

  #openBlock(): boolean {
    while (this.#nextBlock >= this.#blocks.length) {
      const table = this.#tables[this.#nextTable];
      if (table === undefined) return false;
      this.#nextTable++;
      this.#blocks = blocksIn(readTable(table).data, this.#range);
      this.#checkedOffsets = this.#checked?.of(table.file);
      this.#nextBlock = 0;
      this.#nextRead = 0;
    }
    if (this.#nextBlock >= this.#nextRead) this.#readBlocks();
    const { block } = this.#blocks[this.#nextBlock++]!;
    const start = block.offset - this.#readAt;
    const end = start + block.length;
    const bytes = this.#read.subarray(start, endOf(block) - this.#readAt);
    checkBlock(this.#table.file, bytes, block);
    this.#checkedOffsets?.add(block.offset);
    const isPacked = bytes[block.length] === 1;
    const length = isPacked ? plainLength(this.#read, start) : block.length;
    if (length > this.values.length) this.values = Buffer.alloc(2 * length);
    if (isPacked) inflateInto(this.values, this.#read, start, end);
    else this.#read.copy(this.values, 0, start, end);
    const restarts = this.values.readUInt32LE(length - 4);
    this.#at = 0;
    this.#entriesEnd = length - 4 - 4 * restarts;
    return true;
  }

  #readBlocks(): void {
    const first = this.#blocks[this.#nextBlock]!.block;
    let last: Block = first;
    let next = this.#nextBlock + 1;
    for (; next < this.#blocks.length; next++) {
      const { block } = this.#blocks[next]!;
      if (block.offset !== endOf(last) || endOf(block) - first.offset > READ_BYTES) break;
      last = block;
    }
    const length = endOf(last) - first.offset;
    if (length > this.#read.length) this.#read = Buffer.alloc(Math.max(READ_BYTES, length));
    const { file, descriptor } = this.#table;
    if (readSync(descriptor, this.#read, 0, length, first.offset) !== length) {
      throw damaged(file, `block at byte ${first.offset}`);
    }
    this.#readAt = first.offset;
    this.#nextRead = next;
  }

  get #table(): OpenTable {
    return this.#tables[this.#nextTable - 1]!;
  }

  #damaged(): Error {
    const { block } = this.#blocks[this.#nextBlock - 1]!;
    return damaged(this.#table.file, `block at byte ${block.offset}`);
  }
}

/** The blocks that can hold keys of the range; a block's index key is at least its last key. */
function blocksIn(blocks: readonly IndexEntry[], { gte, lt }: StoredRange): readonly IndexEntry[] {
  const userKey = ({ key }: IndexEntry): Buffer => key.subarray(0, -SUFFIX_BYTES);
  let first = 0;
  while (first < blocks.length && userKey(blocks[first]!).compare(gte) < 0) first++;
  let end = first;
  while (end < blocks.length && userKey(blocks[end]!).compare(lt) < 0) end++;
  // The one with the first index key at or above the end may still begin below it.
  return blocks.slice(first, end + 1);
}
