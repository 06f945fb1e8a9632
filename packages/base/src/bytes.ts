declare global {
  interface Buffer {
    /** The fast path behind `toString("latin1", start, end)`; in Node since 0.11, untyped. */
    latin1Slice(start: number, end: number): string;
  }
}

/** Bytewise order, the order of every key in the store: negative, 0 or positive. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

/** Whether both hold the same bytes. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0;
}

/** The same memory as a Buffer; nothing is copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * One character a byte. V8 keeps such a string at one byte a character and compares two of them
 * bytewise, so it serves as a map key and as an ordered index key.
 */
export function bytesToLatin1(bytes: Uint8Array): string {
  return asBuffer(bytes).latin1Slice(0, bytes.length);
}

/** The counterpart of `bytesToLatin1`; of a larger character only the low byte is kept. */
export function latin1ToBytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** The UTF-8 bytes of `text`, in memory of their own. */
export function utf8(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

/** The counterpart of `utf8`. */
export function utf8Text(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("utf8");
}

/** Lower-case hex without padding, as etcd prints member, cluster and lease ids. */
export function hexId(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}

/** Sixteen lower-case hex digits, as etcd puts an index or a term into the name of a file. */
export function hex16(value: number): string {
  return value.toString(16).padStart(16, "0");
}

/** An unsigned 64-bit big-endian number in 8 bytes. */
export function bigintToBytes(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}

/**
 * The smallest key above every key that starts with `prefix`, or "\0" (etcd's "no upper bound") when
 * there is none.
 */
export function prefixEnd(prefix: Uint8Array): Buffer {
  const end = Buffer.from(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    if (end[i]! < 0xff) {
      end[i]!++;
      return end.subarray(0, i + 1);
    }
  }
  return Buffer.from([0]);
}
