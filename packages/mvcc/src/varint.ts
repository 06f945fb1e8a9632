/** Bytes of `value` as a varint; `value` is a safe integer, not negative. */
export function sizeOfVarint(value: number): number {
  let size = 1;
  let limit = 0x80;
  while (value >= limit) {
    size++;
    limit *= 0x80;
  }
  return size;
}

/** @returns the position after the varint */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value;
  let position = at;
  // Bit operations work on 32 bits, so a larger number is first brought down by division.
  while (rest > 0x7fffffff) {
    into[position++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  while (rest > 0x7f) {
    into[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[position++] = rest;
  return position;
}

/** Bytes of a signed 64-bit number as a varint: 10 when it is negative. */
export function sizeOfVarint64(value: bigint): number {
  if (value < 0n) return 10;
  let size = 1;
  let rest = value >> 7n;
  while (rest > 0n) {
    size++;
    rest >>= 7n;
  }
  return size;
}

/** @returns the position after the varint */
export function writeVarint64(into: Uint8Array, at: number, value: bigint): number {
  let rest = BigInt.asUintN(64, value);
  let position = at;
  while (rest > 0x7fn) {
    into[position++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  into[position++] = Number(rest);
  return position;
}

/** The signed 64-bit number of the varint at `at`; bytes beyond the end count as zeros. */
export function readVarint64(bytes: Uint8Array, at: number): bigint {
  let low = 0;
  let high = 0;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i] ?? 0;
    const bits = byte & 0x7f;
    // 28 bits make the first part exactly four groups; the other groups go into the second part.
    if (i < 4) low += bits * 2 ** (7 * i);
    else high += bits * 2 ** (7 * (i - 4));
    if (byte < 0x80) break;
  }
  return BigInt.asIntN(64, (BigInt(high) << 28n) | BigInt(low));
}
