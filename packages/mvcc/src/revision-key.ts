import { asBuffer, assert } from "@kvorum/base";

/**
 * The key of a record in bucket "key":
 *
 *   0        8   9       17   18
 *   | main   | _ | sub   | t  |     big-endian; 't' (0x74) only on a tombstone
 *
 * Byte order is revision order. Source: etcd's mvcc/revision.go.
 */
export function encodeRevisionKey(main: number, sub: number, isTombstone = false): Buffer {
  const bytes = Buffer.allocUnsafe(isTombstone ? TOMBSTONE_KEY_BYTES : REVISION_KEY_BYTES);
  writeRevisionKey(bytes, main, sub);
  if (isTombstone) bytes[REVISION_KEY_BYTES] = TOMBSTONE_MARK;
  return bytes;
}

/** Overwrites the first 17 bytes of `into`. */
export function writeRevisionKey(into: Buffer, main: number, sub: number): void {
  into.writeUInt32BE(Math.floor(main / WORD), 0);
  into.writeUInt32BE(main % WORD, 4);
  into[8] = SEPARATOR;
  into.writeUInt32BE(Math.floor(sub / WORD), 9);
  into.writeUInt32BE(sub % WORD, 13);
}

/** Of the key that begins at `at`. */
export function revisionKeyMain(bytes: Uint8Array, at = 0): number {
  return readWord(bytes, at) * WORD + readWord(bytes, at + 4);
}

/** Of the key that begins at `at`. */
export function revisionKeySub(bytes: Uint8Array, at = 0): number {
  return readWord(bytes, at + 9) * WORD + readWord(bytes, at + 13);
}

export function isTombstoneKey(key: Uint8Array): boolean {
  return isTombstoneKeyBytes(key.length);
}

/** Whether a key of this many bytes is that of a tombstone. */
export function isTombstoneKeyBytes(keyBytes: number): boolean {
  return keyBytes === TOMBSTONE_KEY_BYTES;
}

/** A revision as meta/scheduledCompactRev holds it: 17 bytes with sub 0. @returns -1 when absent */
export function decodeMetaRevision(value: Uint8Array | undefined): number {
  if (value === undefined) return -1;
  assert(value.length >= REVISION_KEY_BYTES, `a revision of ${value.length} bytes in bucket meta`);
  return revisionKeyMain(asBuffer(value));
}

export const REVISION_KEY_BYTES = 17;
/** With the mark. */
export const TOMBSTONE_KEY_BYTES = 18;
const SEPARATOR = 0x5f;
const TOMBSTONE_MARK = 0x74;
const WORD = 2 ** 32;

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
}
