/**
 * Protobuf's varints: seven bits a byte, the lowest first; the high bit says that another follows.
 *
 *     300 = 0b10_0101100 = ac 02
 *
 * Readers of hot messages take the usual case of one byte themselves and keep their own loops.
 * Source: https://protobuf.dev/programming-guides/encoding
 */

/** The longest varint, of 64 bits. */
export const VARINT_BYTES_MAX = 10;

/** Bytes of `value` as a varint: 1 to 8. @param value a safe integer, not negative */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  if (value < 0x800000000) return 5;
  if (value < 0x40000000000) return 6;
  return value < 0x2000000000000 ? 7 : 8;
}

/**
 * Writes a varint of `varintSize` bytes at `at`, for which `into` has room.
 * @param value a safe integer, not negative
 * @returns where it ends
 */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  // Bit operations see 32 bits, so a larger number is first brought down by division.
  while (rest >= 0x100000000) {
    into[end++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  rest >>>= 0;
  while (rest >= 0x80) {
    into[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[end++] = rest;
  return end;
}

/** Bytes of a 64-bit number, signed or unsigned, as a varint: 10 when it is negative. */
export function varintSize64(value: bigint): number {
  const high = Number(BigInt.asUintN(64, value) >> 28n);
  return high === 0 ? varintSize(Number(value)) : 4 + varintSize(high);
}

/** As `writeVarint`, of `varintSize64` bytes. @param value a 64-bit number, signed or unsigned */
export function writeVarint64(into: Uint8Array, at: number, value: bigint): number {
  // The low 28 bits are four bytes exactly; with both parts as numbers no bigint is made for a byte.
  const high = Number(BigInt.asUintN(64, value) >> 28n);
  let low = Number(BigInt.asUintN(28, value));
  if (high === 0) return writeVarint(into, at, low);
  for (let i = 0; i < 4; i++) {
    into[at + i] = (low & 0x7f) | 0x80;
    low >>>= 7;
  }
  return writeVarint(into, at + 4, high);
}

/** Where the varint at `start` ends; -1 when `end` or the tenth byte comes first. */
export function varintEnd(bytes: Uint8Array, start: number, end: number): number {
  const limit = Math.min(end, start + VARINT_BYTES_MAX);
  for (let at = start; at < limit; at++) if (bytes[at]! < 0x80) return at + 1;
  return -1;
}

/**
 * The number of the varint at [start, end), whose end `varintEnd` found. Exact up to 2^53 - 1, above
 * that merely large.
 */
export function varintValue(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = end - 1; at >= start; at--) value = value * 0x80 + (bytes[at]! & 0x7f);
  return value;
}

/** As `varintValue`, in full: the number's 64 bits, unsigned. */
export function varintValue64(bytes: Uint8Array, start: number, end: number): bigint {
  // Of bigints only the result is made: its halves of 32 bits are put together as numbers.
  let low = 0;
  let high = 0;
  for (let at = start, shift = 0; at < end; at++, shift += 7) {
    const bits = bytes[at]! & 0x7f;
    if (shift < 32) low |= bits << shift;
    if (shift > 25) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
  }
  return high === 0 ? BigInt(low >>> 0) : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
