/**
 * The parts of the protobuf wire format that the files need, written by hand because the log's hot
 * path writes straight into its batch buffer. Numbers are safe integers or 64-bit bigints.
 */

export const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const;

const TWO_32 = 2 ** 32;

/** Bytes that `value`, a non-negative safe integer, takes as a varint: 1 to 8. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  let size = 5;
  for (let rest = Math.floor(value / 2 ** 35); rest > 0; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Writes a non-negative safe integer; returns the offset after it. */
export function writeVarint(into: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  while (rest >= TWO_32) {
    into[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 128);
  }
  // Below 2^32 the shifts of unsigned 32-bit numbers do.
  rest >>>= 0;
  while (rest >= 0x80) {
    into[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[at++] = rest;
  return at;
}

export function writeVarint64(into: Uint8Array, offset: number, value: bigint): number {
  let at = offset;
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    into[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  into[at++] = Number(rest);
  return at;
}

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
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError("varint longer than 10 bytes");
  }

  /** A view of the same memory. */
  bytes(): Uint8Array {
    const length = this.#varint();
    if (length > this.#end - this.#at) throw new WireError("field longer than its message");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  skip(): void {
    if (this.#wireType === WireType.Varint) this.#varint();
    else if (this.#wireType === WireType.Bytes) this.bytes();
    else if (this.#wireType === WireType.Fixed64) this.#advance(8);
    else if (this.#wireType === WireType.Fixed32) this.#advance(4);
    else throw new WireError(`wire type ${this.#wireType}`);
  }

  #advance(count: number): void {
    if (count > this.#end - this.#at) throw new WireError("field longer than its message");
    this.#at += count;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new WireError("message ends within a field");
    return this.#bytes[this.#at++]!;
  }

  /** Exact up to 2^53 - 1; above that merely large. */
  #varint(): number {
    let byte = this.#byte();
    let value = byte & 0x7f;
    for (let unit = 128, size = 1; byte >= 0x80; unit *= 128) {
      if (++size > 10) throw new WireError("varint longer than 10 bytes");
      byte = this.#byte();
      value += (byte & 0x7f) * unit;
    }
    return value;
  }
}
