import { varintEnd, varintValue, varintValue64, writeVarint, writeVarint64 } from "@kvorum/base";

/**
 * The parts of the protobuf wire format that the files need; what the log writes often goes straight
 * into its batch buffer. Numbers are safe integers or 64-bit bigints.
 */

export const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const;

/** Builds one message on a cold path. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [];

  number(field: number, value: number): this {
    const bytes = new Uint8Array(20);
    const at = writeVarint(bytes, 0, (field << 3) | WireType.Varint);
    this.#parts.push(bytes.subarray(0, writeVarint(bytes, at, value)));
    return this;
  }

  uint64(field: number, value: bigint): this {
    const bytes = new Uint8Array(20);
    const at = writeVarint(bytes, 0, (field << 3) | WireType.Varint);
    this.#parts.push(bytes.subarray(0, writeVarint64(bytes, at, value)));
    return this;
  }

  bytes(field: number, value: Uint8Array): this {
    const head = new Uint8Array(20);
    const at = writeVarint(head, 0, (field << 3) | WireType.Bytes);
    this.#parts.push(head.subarray(0, writeVarint(head, at, value.length)), value);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Bytes that are no message, or a number beyond what it may be. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/**
 * Walks over the fields of one message: `while (reader.next())`, then look at `field` and take the
 * value, or `skip` it. Every call checks the bounds.
 */
export class MessageReader {
  field = 0;
  #wireType = 0;
  #at: number;
  readonly #end: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  next(): boolean {
    if (this.#at === this.#end) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.#wireType = tag % 8;
    if (this.field === 0) throw new WireError("field number 0");
    return true;
  }

  is(field: number, wireType: number): boolean {
    return this.field === field && this.#wireType === wireType;
  }

  /** @throws WireError when above 2^53 - 1 */
  number(): number {
    const value = this.#varint();
    if (value > Number.MAX_SAFE_INTEGER) throw new WireError("number above 2^53 - 1");
    return value;
  }

  uint64(): bigint {
    const start = this.#at;
    this.#skipVarint();
    return varintValue64(this.#bytes, start, this.#at);
  }

  /** A view of the same memory. */
  bytes(): Uint8Array {
    const length = this.#varint();
    if (length > this.#end - this.#at) throw new WireError("field longer than its message");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  skip(): void {
    if (this.#wireType === WireType.Varint) this.#skipVarint();
    else if (this.#wireType === WireType.Bytes) this.bytes();
    else if (this.#wireType === WireType.Fixed64) this.#advance(8);
    else if (this.#wireType === WireType.Fixed32) this.#advance(4);
    else throw new WireError(`wire type ${this.#wireType}`);
  }

  #advance(count: number): void {
    if (count > this.#end - this.#at) throw new WireError("field longer than its message");
    this.#at += count;
  }

  #skipVarint(): void {
    const end = varintEnd(this.#bytes, this.#at, this.#end);
    if (end < 0) throw new WireError("message ends within a number, or it is longer than 10 bytes");
    this.#at = end;
  }

  /** Exact up to 2^53 - 1; above that merely large. */
  #varint(): number {
    const start = this.#at;
    this.#skipVarint();
    return varintValue(this.#bytes, start, this.#at);
  }
}
