import { crc32c as nativeCrc32c } from "@node-rs/crc32";
import { NATIVE_CRC_BYTES_MIN } from "./limits.js";

/**
 * Continues CRC-32C (Castagnoli): `crc32c(b, crc32c(a, 0))` is that of `a` followed by `b`, as Go's
 * crc32.Update. Chooses between the table here, for short inputs, and the native library, whose
 * call costs more than the bytes of a small one.
 */
export function crc32c(bytes: Uint8Array, crc: number): number {
  return bytes.length < NATIVE_CRC_BYTES_MIN
    ? crc32cOfRange(bytes, 0, bytes.length, crc)
    : nativeCrc32c(bytes, crc);
}

/** The same over `bytes[start, end)`, by table, for a few bytes. */
export function crc32cOfRange(bytes: Uint8Array, start: number, end: number, crc: number): number {
  let state = ~crc;
  for (let i = start; i < end; i++) state = (state >>> 8) ^ TABLE[(state ^ bytes[i]!) & 0xff]!;
  return ~state >>> 0;
}

const REFLECTED_POLYNOMIAL = 0x82f63b78;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let state = byte;
  for (let bit = 0; bit < 8; bit++) {
    state = (state & 1) === 1 ? (state >>> 1) ^ REFLECTED_POLYNOMIAL : state >>> 1;
  }
  return state;
});
