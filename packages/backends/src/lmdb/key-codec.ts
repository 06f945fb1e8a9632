import { createHash } from "node:crypto";
import { asBuffer } from "@kvorum/base";
import { LMDB_INLINE_KEY_BYTES_MAX as INLINE } from "../limits.js";

/**
 * LMDB takes keys of at most 1,978 bytes, the port allows 32,768. A key that is longer than 1,024
 * bytes is stored under its head and a hash, and its full bytes go before the value:
 *
 *     key up to 1,024 bytes:   key                         -> value
 *     longer:                  head (1,024) | SHA-256 (32) -> key length (4, LE) | key | value
 *
 * This is exact, because the hash is collision-free for all that is known and the full key is under
 * the checksum. Order among heads is kept; only keys that share a head stand in the order of their
 * hashes, and a scan sorts such a group in memory. A stored key is long when it is longer than
 * 1,024.
 */
export const HEAD_BYTES = INLINE;

export function isLongKey(key: Uint8Array): boolean {
  return key.length > INLINE;
}

/** The key under which LMDB stores `key`; short keys are returned as they are. */
export function storedKey(key: Uint8Array): Buffer {
  if (key.length <= INLINE) return asBuffer(key);
  return Buffer.concat([key.subarray(0, INLINE), createHash("sha256").update(key).digest()]);
}

/** The head that bounds a long key from below; of a short key the key itself. */
export function headOf(key: Uint8Array): Buffer {
  return asBuffer(key.length > INLINE ? key.subarray(0, INLINE) : key);
}

/** Just above every stored key with the head of the long `key`. */
export function aboveHead(key: Uint8Array): Buffer {
  return Buffer.concat([key.subarray(0, INLINE), Buffer.alloc(33, 0xff)]);
}

/** The value part of a long record: the full key before the value. */
export function joinLong(key: Uint8Array, value: Uint8Array): Buffer {
  const joined = Buffer.allocUnsafe(4 + key.length + value.length);
  joined.writeUInt32LE(key.length);
  joined.set(key, 4);
  joined.set(value, 4 + key.length);
  return joined;
}

/** Takes the full key and the value apart; the same memory. Undefined when the lengths can't be. */
export function splitLong(
  joined: Uint8Array,
): { readonly key: Uint8Array; readonly value: Uint8Array } | undefined {
  if (joined.length < 4) return undefined;
  const end = 4 + asBuffer(joined).readUInt32LE(0);
  if (end > joined.length) return undefined;
  return { key: joined.subarray(4, end), value: joined.subarray(end) };
}
