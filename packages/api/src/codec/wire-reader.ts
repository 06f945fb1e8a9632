import { asBuffer, varintEnd, varintValue64 } from "@kvorum/base";

/** A message that breaks the protobuf encoding. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** Field 1 as a varint; fields are counted from 1. */
const FIRST_TAG = 8;
const TWO_28 = 2 ** 28;
const TWO_35 = 2 ** 35;
const TWO_36 = 2 ** 36;

/**
 * Reads protobuf's wire format from a buffer without copying: the hot messages' counterpart of the
 * generated decoders. The bytes it returns are views of the input.
 * Source: https://protobuf.dev/programming-guides/encoding
 */
export class WireReader {
  readonly buffer: Buffer;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.buffer = asBuffer(bytes);
    this.position = position;
    this.end = end;
  }

  /** Field number and wire type together, or 0 at the end. */
  tag(): number {
    if (this.position >= this.end) return 0;
    const tag = this.varint32();
    if (tag < FIRST_TAG) throw new WireError(`illegal tag ${tag} before byte ${this.position}`);
    return tag;
  }

  /** A varint whose low 32 bits matter: tags, lengths, enums, booleans. Unsigned. */
  varint32(): number {
    const buffer = this.buffer;
    let byte = buffer[this.position++]!;
    if (byte < 0x80) return this.#inside(byte);
    let value = byte & 0x7f;
    for (let shift = 7; shift < 70; shift += 7) {
      byte = buffer[this.position++]!;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return this.#inside(value >>> 0);
    }
    throw new WireError(`varint longer than 10 bytes before byte ${this.position}`);
  }

  /** An int64 as a number, saturated at ±(2^53 - 1) as `int64ToNumber` does. */
  int64(): number {
    const buffer = this.buffer;
    let byte = buffer[this.position++]!;
    if (byte < 0x80) return this.#inside(byte);
    let low = byte & 0x7f;
    let shift = 7;
    for (; shift < 28; shift += 7) {
      byte = buffer[this.position++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return this.#inside(low);
    }
    let high = 0;
    for (let factor = 1; shift < 70; shift += 7, factor *= 128) {
      byte = buffer[this.position++]!;
      high += (byte & 0x7f) * factor;
      if (byte < 0x80) return this.#inside(saturate(low, high % TWO_36));
    }
    throw new WireError(`varint longer than 10 bytes before byte ${this.position}`);
  }

  /** An uint64 that has to be exact as a number, such as a term or an index: below 2^53 - 1. */
  exact(): number {
    const value = this.int64();
    if (value >= 0 && value < Number.MAX_SAFE_INTEGER) return value;
    throw new WireError("number above 2^53 - 2");
  }

  /** A 64-bit number in full; signed. */
  bigint64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  /** A 64-bit number in full; unsigned, as ids are. */
  uint64(): bigint {
    const start = this.position;
    this.#skipVarint();
    return varintValue64(this.buffer, start, this.position);
  }

  bool(): boolean {
    return this.int64() !== 0;
  }

  /** Start of a length-delimited field's content: returns its end; `position` is its start. */
  delimited(): number {
    const length = this.varint32();
    const end = this.position + length;
    if (end > this.end) {
      throw new WireError(
        `field of ${length} bytes at byte ${this.position} reaches beyond the message's end`,
      );
    }
    return end;
  }

  bytes(): Buffer {
    const end = this.delimited();
    const bytes = this.buffer.subarray(this.position, end);
    this.position = end;
    return bytes;
  }

  utf8(): string {
    return this.bytes().toString("utf8");
  }

  /** Steps over a field that the reader doesn't know. */
  skipField(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#skipVarint();
        return;
      case 1:
        this.position += 8;
        break;
      case 2:
        this.position = this.delimited();
        return;
      case 5:
        this.position += 4;
        break;
      default:
        throw new WireError(`wire type ${tag & 7} of field ${tag >>> 3} is not one of proto3's`);
    }
    this.#inside(0);
  }

  #skipVarint(): void {
    const end = varintEnd(this.buffer, this.position, this.end);
    if (end < 0) throw new WireError(`no varint of at most 10 bytes at byte ${this.position}`);
    this.position = end;
  }

  #inside<Value>(value: Value): Value {
    if (this.position > this.end) throw new WireError("message ends within a field");
    return value;
  }
}

/** `high` holds bits 28 to 63, as an unsigned number. */
function saturate(low: number, high: number): number {
  const signed = high >= TWO_35 ? high - TWO_36 : high;
  const value = low + signed * TWO_28;
  if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (value < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return value;
}
