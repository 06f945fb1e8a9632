/** Bytes of `value` as a varint; `value` below 2^31. */
export function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

/** Writes `value` (below 2^31) at `at`; returns the offset behind it. */
export function putVarint(into: Buffer, at: number, value: number): number {
  let rest = value;
  let offset = at;
  while (rest >= 0x80) {
    into[offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[offset++] = rest;
  return offset;
}

/** Writes the tag and the length of a length-delimited field below 16. */
export function putFieldHead(into: Buffer, at: number, field: number, length: number): number {
  into[at] = (field << 3) | 2;
  return putVarint(into, at + 1, length);
}

/** Bytes of a length-delimited field below 16, with its head. */
export function fieldBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}
