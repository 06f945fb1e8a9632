import { huffmanDecode } from "@kvorum/grpc";
import { BenchError } from "../bench-error.js";
import { DYNAMIC_INDEX, type HeaderField, STATIC_TABLE } from "./static-table.js";

/** The table size that this client announces by saying nothing, RFC 9113 section 6.5.2. */
const TABLE_BYTES_MAX = 4096;
/** What an entry costs beside its text, RFC 7541 section 4.1. */
const ENTRY_OVERHEAD_BYTES = 32;

/** A field with what a gRPC client wants of it, worked out once when it enters the table. */
interface Entry extends HeaderField {
  readonly bytes: number;
  /** The number behind "grpc-status" or ":status", else -1. */
  readonly number: number;
}

/**
 * Decodes the header blocks of one connection in order (RFC 7541) and keeps only what decides a
 * call: `httpStatus`, `grpcStatus` and `grpcMessage` of the last block. Every field goes through
 * the dynamic table, whatever it is, so that the indexes stay right.
 */
export class HpackDecoder {
  /** Of the last block; -1 when it had none. */
  httpStatus = -1;
  grpcStatus = -1;
  /** Percent-decoded; "" when there was none. */
  grpcMessage = "";
  /** Newest first would move every entry at every insertion; so newest last. */
  #entries: Entry[] = [];
  #sizeBytes = 0;
  #bytesMax = TABLE_BYTES_MAX;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /** @throws BenchError "PROTOCOL" */
  decode(bytes: Buffer, start: number, end: number): void {
    this.httpStatus = -1;
    this.grpcStatus = -1;
    if (this.grpcMessage !== "") this.grpcMessage = "";
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    while (this.#at < end) {
      const first = bytes[this.#at]!;
      if (first >= 0x80) this.#take(this.#lookUp(this.#integer(7)));
      else if (first >= 0x40) this.#take(this.#insert(this.#literal(6)));
      else if (first >= 0x20) this.#resize(this.#integer(5));
      else this.#take(this.#literal(4));
    }
    if (this.#at !== end) throw broken("it ends within a field");
  }

  #take(entry: Entry): void {
    if (entry.name === "grpc-status") this.grpcStatus = entry.number;
    else if (entry.name === ":status") this.httpStatus = entry.number;
    else if (entry.name === "grpc-message") this.grpcMessage = percentDecode(entry.value);
  }

  #lookUp(index: number): Entry {
    const entry =
      index < DYNAMIC_INDEX
        ? staticEntries[index - 1]
        : this.#entries[this.#entries.length - 1 - (index - DYNAMIC_INDEX)];
    if (entry === undefined) throw broken(`it names the absent entry ${index}`);
    return entry;
  }

  #literal(prefixBits: number): Entry {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#lookUp(index).name;
    return toEntry({ name, value: this.#string() });
  }

  #insert(entry: Entry): Entry {
    this.#evictTo(this.#bytesMax - entry.bytes);
    if (entry.bytes <= this.#bytesMax) {
      this.#entries.push(entry);
      this.#sizeBytes += entry.bytes;
    }
    return entry;
  }

  #resize(bytes: number): void {
    if (bytes > TABLE_BYTES_MAX) throw broken(`it wants a table of ${bytes} bytes`);
    this.#bytesMax = bytes;
    this.#evictTo(bytes);
  }

  #evictTo(bytes: number): void {
    while (this.#sizeBytes > bytes && this.#entries.length > 0) {
      this.#sizeBytes -= this.#entries.shift()!.bytes;
    }
  }

  /** An integer with a prefix, RFC 7541 section 5.1. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#bytes[this.#at++]! & mask;
    if (value < mask) return value;
    for (let scale = 1; this.#at < this.#end && scale < 2 ** 28; scale *= 128) {
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw broken("it holds an endless integer");
  }

  #string(): string {
    if (this.#at >= this.#end) throw broken("it ends before a string");
    const isHuffman = this.#bytes[this.#at]! >= 0x80;
    const length = this.#integer(7);
    const from = this.#at;
    const to = from + length;
    if (to > this.#end) throw broken("it ends within a string");
    this.#at = to;
    return isHuffman
      ? huffmanText(this.#bytes, from, to)
      : this.#bytes.toString("latin1", from, to);
  }
}

const staticEntries: readonly Entry[] = STATIC_TABLE.map(toEntry);

function toEntry({ name, value }: HeaderField): Entry {
  const isNumber = name === "grpc-status" || name === ":status";
  const bytes = name.length + value.length + ENTRY_OVERHEAD_BYTES;
  return { name, value, bytes, number: isNumber && /^\d+$/.test(value) ? Number(value) : -1 };
}

function huffmanText(bytes: Buffer, start: number, end: number): string {
  try {
    return huffmanDecode(bytes, start, end);
  } catch (error) {
    throw broken((error as Error).message);
  }
}

/** The text of a grpc-message: UTF-8 whose other bytes are written as %XX. */
function percentDecode(text: string): string {
  const bytes = text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}

function broken(reason: string): BenchError {
  return new BenchError("PROTOCOL", `a header block can't be read: ${reason}`);
}
