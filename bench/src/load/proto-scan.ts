import { BenchError } from "../bench-error.js";

/**
 * Reads protobuf where it lies, field by field, without an object a message: the checks of a reply
 * need three numbers of it. After `next` the field's number is in `field`; then either `varint` or
 * `start` and `end` say what it holds.
 */
export class ProtoScan {
  field = 0;
  /** Of a varint field; right up to 2^53, beyond that only its low bits are lost. */
  varint = 0;
  /** The bytes of a length-delimited field. */
  start = 0;
  end = 0;
  /** Where the field began, with its tag. */
  fieldStart = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #limit = 0;

  /** Begins with `bytes[start, end)`. */
  reset(bytes: Buffer, start: number, end: number): this {
    this.#bytes = bytes;
    this.#at = start;
    this.#limit = end;
    return this;
  }

  /** Where the next field begins. */
  get offset(): number {
    return this.#at;
  }

  /** Goes on to the next field; false at the end. @throws BenchError "PROTOCOL" */
  next(): boolean {
    if (this.#at >= this.#limit) return false;
    this.fieldStart = this.#at;
    const tag = this.#readVarint();
    this.field = Math.floor(tag / 8);
    const wireType = tag & 7;
    if (wireType === 2) {
      const length = this.#readVarint();
      this.start = this.#at;
      this.end = this.#at + length;
      this.#at = this.end;
      if (this.end > this.#limit) throw new BenchError("PROTOCOL", "a field ends too late");
    } else if (wireType === 0) this.varint = this.#readVarint();
    else throw new BenchError("PROTOCOL", `wire type ${wireType} in a reply`);
    return true;
  }

  #readVarint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++]!;
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      if (this.#at >= this.#limit) throw new BenchError("PROTOCOL", "a varint is cut off");
      byte = bytes[this.#at++]!;
      value += (byte & 0x7f) * scale;
    }
    return value;
  }
}

/**
 * The revision in the ResponseHeader at the start of a reply, -1 when there is none.
 *
 *     0a len { 08 cluster_id  10 member_id  18 revision  20 raft_term }
 */
export function headerRevision(bytes: Buffer, start: number, end: number): number {
  if (end - start < 2 || bytes[start] !== 0x0a) return -1;
  const stop = start + 2 + bytes[start + 1]!;
  if (stop > end) return -1;
  let at = start + 2;
  while (at < stop) {
    const tag = bytes[at++]!;
    if (tag === 0x18) return varintAt(bytes, at);
    while (bytes[at++]! >= 0x80) {
      // Skips a varint.
    }
  }
  return -1;
}

/** The number that a varint at `from` stands for; revisions and ids stay below 2^53. */
export function varintAt(bytes: Buffer, from: number): number {
  let at = from;
  let byte = bytes[at++]!;
  let value = byte & 0x7f;
  for (let scale = 128; byte >= 0x80; scale *= 128) {
    byte = bytes[at++]!;
    value += (byte & 0x7f) * scale;
  }
  return value;
}
