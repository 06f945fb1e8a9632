import { ErrorCode, Http2Error } from "../http2-error.js";
import { DynamicTable, ENTRY_OVERHEAD_BYTES } from "./dynamic-table.js";
import { huffmanDecode } from "./huffman.js";
import { STATIC_TABLE, STATIC_TABLE_END } from "./static-table.js";

/** Names and values in turn: [name, value, name, value, ...]; one character a byte. */
export type FieldList = readonly string[];

interface DecoderOptions {
  /** The table size that this end announced. */
  readonly tableBytesMax: number;
  /** Bound of a decoded list, RFC 9113 6.5.2. */
  readonly listBytesMax: number;
}

/**
 * Decodes the header blocks of one connection, in order, RFC 7541.
 *
 *     1xxxxxxx  indexed field                     0001xxxx  literal, never indexed
 *     01xxxxxx  literal, added to the table       0000xxxx  literal, not indexed
 *     001xxxxx  table size update (only first in a block)
 */
export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #tableBytesMax: number;
  readonly #listBytesMax: number;
  #bytes: Buffer = Buffer.alloc(0);
  #offset = 0;
  #end = 0;

  constructor(options: DecoderOptions) {
    this.#table = new DynamicTable(options.tableBytesMax);
    this.#tableBytesMax = options.tableBytesMax;
    this.#listBytesMax = options.listBytesMax;
  }

  /** Two blocks with the same bytes mean the same if this was the same before and after the first. */
  get tableVersion(): number {
    return this.#table.version;
  }

  /**
   * The fields of the block `bytes[start, end)`, or undefined when the list is too long; the table
   * is right for the next block either way.
   * @throws Http2Error COMPRESSION_ERROR; the connection can't go on
   */
  decode(bytes: Buffer, start: number, end: number): FieldList | undefined {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
    const fields: string[] = [];
    let listBytes = 0;
    while (this.#offset < end) {
      const first = bytes[this.#offset]!;
      if ((first & 0xe0) === 0x20) {
        this.#resize(fields.length === 0 && listBytes === 0);
        continue;
      }
      const count = fields.length;
      if (first & 0x80) this.#indexed(fields);
      else if (first & 0x40) this.#literal(fields, 6, true);
      else this.#literal(fields, 4, false);
      listBytes += fields[count]!.length + fields[count + 1]!.length + ENTRY_OVERHEAD_BYTES;
      // What is too long is dropped at once, so a small block can't grow into a large list.
      if (listBytes > this.#listBytesMax) fields.length = 0;
    }
    return listBytes > this.#listBytesMax ? undefined : fields;
  }

  #indexed(fields: string[]): void {
    const index = this.#integer(7);
    if (index === 0) throw compressionError("index 0");
    if (index < STATIC_TABLE_END) {
      const entry = STATIC_TABLE[index]!;
      fields.push(entry[0], entry[1]);
      return;
    }
    const dynamic = this.#dynamicIndex(index);
    fields.push(this.#table.name(dynamic), this.#table.value(dynamic));
  }

  #literal(fields: string[], prefixBits: number, adds: boolean): void {
    const index = this.#integer(prefixBits);
    let name: string;
    if (index === 0) name = this.#string();
    else if (index < STATIC_TABLE_END) name = STATIC_TABLE[index]![0];
    else name = this.#table.name(this.#dynamicIndex(index));
    const value = this.#string();
    if (adds) this.#table.add(name, value);
    fields.push(name, value);
  }

  #resize(isFirst: boolean): void {
    if (!isFirst) throw compressionError("table size update after a field");
    const size = this.#integer(5);
    if (size > this.#tableBytesMax) throw compressionError("table size above the announced one");
    this.#table.resize(size);
  }

  #dynamicIndex(index: number): number {
    const dynamic = index - STATIC_TABLE_END;
    if (dynamic >= this.#table.entries) throw compressionError(`no entry ${index}`);
    return dynamic;
  }

  /** An integer with a prefix of `prefixBits` (RFC 7541 5.1), at most 28 bits long. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#bytes[this.#offset++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#offset >= this.#end) throw compressionError("block ends within an integer");
      const byte = this.#bytes[this.#offset++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw compressionError("integer too large");
  }

  #string(): string {
    if (this.#offset >= this.#end) throw compressionError("block ends before a string");
    const isHuffman = (this.#bytes[this.#offset]! & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#offset;
    const end = start + length;
    if (end > this.#end) throw compressionError("block ends within a string");
    this.#offset = end;
    return isHuffman ? huffmanDecode(this.#bytes, start, end) : this.#bytes.latin1Slice(start, end);
  }
}

function compressionError(reason: string): Http2Error {
  return new Http2Error(ErrorCode.COMPRESSION_ERROR, `header block: ${reason}`);
}
