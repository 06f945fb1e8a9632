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
/** The compression type of a block that has none. */
const PLAIN = 0;

/**
 * The records of tables that don't overlap, in the order of their keys: of one level, or of one
 * table of level 0.
 *
 *     block = entries | restart offsets (4 each) | number of restarts (4, LE)
 *     entry = shared key bytes | other key bytes | value length (varints) | key part | value
 *
 * A put has a checksum of its own over bucket, key and value, which whoever takes the record checks;
 * versions of one key are told apart by their place, not by their sequence number. So damage to a
 * plain block of puts that are all taken is found without a second pass over its bytes. A block is
 * checked against its own checksum where that does not hold:
 *
 * - it is packed: damaged bytes are not to be unpacked;
 * - the merge does anything but take one of its records, and asks for it by `check`: so a deletion,
 *   which has no checksum, and what damage has made one;
 * - it is to count as verified.
 *
 * No record tells where the entries end, but the first restart offset does: it is 0, and no entry
 * begins with four zero bytes. So neither can entries be hidden nor other bytes pass for them.
 *
 * Source: LevelDB, doc/table_format.md and table/block_builder.cc.
 */
export class TableCursor implements RecordCursor {
  key: Buffer = Buffer.alloc(64);
  keyLength = 0;
  isPut = false;
  values: Buffer = Buffer.alloc(0);
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
  /** The plain bytes of a packed block. */
  #plain: Buffer = Buffer.alloc(0);
  #isChecked = false;
  /** Of the key before this one in its block, in its stored form. */
  #storedLength = 0;
  #at = 0;
  #entriesEnd = 0;

  /**
   * @param tables in the order of their keys; open until the scan is over
   * @param checked takes down the blocks that were read, all of which are checked then
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
    if (
      this.#at > this.#entriesEnd ||
      sharedLength > this.#storedLength ||
      stored <= SUFFIX_BYTES
    ) {
      throw this.#damaged();
    }
    this.#storedLength = stored;
    if (stored > this.key.length) {
      const grown = Buffer.alloc(2 * stored);
      this.key.copy(grown);
      this.key = grown;
    }
    const { key } = this;
    for (let i = 0; i < ownLength; i++) key[sharedLength + i] = values[keyStart + i]!;
    this.keyLength = stored - SUFFIX_BYTES;
    this.isPut = key[this.keyLength] === 1;
    return true;
  }

  check(): void {
    if (this.#isChecked) return;
    const { file } = this.#table;
    const { block } = this.#blocks[this.#nextBlock - 1]!;
    const start = block.offset - this.#readAt;
    checkBlock(file, this.#read.subarray(start, endOf(block) - this.#readAt), block);
    this.#isChecked = true;
    this.#checkedOffsets?.add(block.offset);
  }

  /** As `readVarint`, without an object for each. */
  #number(): number {
    const { values } = this;
    let byte = values[this.#at++]!;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      if (scale > 2 ** 28) throw this.#damaged();
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
    this.#isChecked = false;
    const kind = this.#read[end];
    if (kind !== PLAIN || this.#checkedOffsets !== undefined) this.check();
    if (kind === PLAIN) this.#openEntries(this.#read, start, end);
    else {
      const length = plainLength(this.#read, start);
      if (length > this.#plain.length) this.#plain = Buffer.alloc(2 * length);
      inflateInto(this.#plain, this.#read, start, end);
      this.#openEntries(this.#plain, 0, length);
    }
    return true;
  }

  /** @param bytes the plain block at [start, end), which are read where they are */
  #openEntries(bytes: Buffer, start: number, end: number): void {
    const restarts = bytes.readUInt32LE(end - 4);
    const entriesEnd = end - 4 - 4 * restarts;
    if (entriesEnd < start || bytes.readUInt32LE(entriesEnd) !== 0) throw this.#damaged();
    this.values = bytes;
    this.#storedLength = 0;
    this.#at = start;
    this.#entriesEnd = entriesEnd;
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
