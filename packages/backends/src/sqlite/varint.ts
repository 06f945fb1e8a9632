/**
 * SQLite's number in base 128 at `at`, the highest digits first; NaN if it has more digits than any
 * that a store has. Unlike leveldb's, whose lowest digits come first.
 */
export function readVarint(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + DIGITS_MAX; i++) {
    const byte = bytes[i]!;
    if (byte < 0x80) return value * 128 + byte;
    value = value * 128 + (byte & 0x7f);
  }
  return Number.NaN;
}

/** How many bytes a number takes: SQLite writes no leading zeros. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 128; left /= 128) bytes++;
  return bytes;
}

/** Source: five digits make 2^35, and SQLite stores at most 2^31 bytes in a record. */
const DIGITS_MAX = 5;
