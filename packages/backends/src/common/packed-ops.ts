import type { Op } from "../port.js";
import { BUCKET_IDS } from "./bucket-id.js";
import { CHECKSUM_BYTES, checksumOf } from "./record-checksum.js";
import type { SpareMemory } from "./spare-memory.js";

/**
 * The operations of one commit in one piece of memory, which moves to the worker without a copy:
 *
 *     bucket id (1) | 1 put, 0 delete (1) | key length (4, LE) | value length (4, LE)
 *     | key | value | room for the checksum (4), in a put
 *
 * The worker fills in the checksum, so that this thread doesn't spend the time.
 */
const HEADER_BYTES = 10;

export function packOps(
  ops: readonly Op[],
  spare: SpareMemory,
): { readonly memory: Buffer; readonly length: number } {
  let length = 0;
  for (const { key, value } of ops) {
    length += HEADER_BYTES + key.length;
    if (value !== undefined) length += value.length + CHECKSUM_BYTES;
  }
  const packed = spare.take(length);
  let at = 0;
  for (const { bucket, key, value } of ops) {
    packed[at] = BUCKET_IDS[bucket];
    packed[at + 1] = value === undefined ? 0 : 1;
    packed.writeUInt32LE(key.length, at + 2);
    packed.writeUInt32LE(value?.length ?? 0, at + 6);
    packed.set(key, at + HEADER_BYTES);
    at += HEADER_BYTES + key.length;
    if (value === undefined) continue;
    packed.set(value, at);
    at += value.length + CHECKSUM_BYTES;
  }
  return { memory: packed, length };
}

/** Receives operations; the buffers are parts of the packed memory. */
export interface OpVisitor {
  /** @param sealed the value with its checksum */
  put(bucketId: number, key: Buffer, sealed: Buffer): void;
  delete(bucketId: number, key: Buffer): void;
}

/** Calls `visitor` for each operation in order, having filled in the checksums. */
export function unpackOps(packed: Buffer, visitor: OpVisitor): void {
  let at = 0;
  while (at < packed.length) {
    const bucketId = packed[at]!;
    const isPut = packed[at + 1] === 1;
    const keyStart = at + HEADER_BYTES;
    const valueStart = keyStart + packed.readUInt32LE(at + 2);
    const valueEnd = valueStart + packed.readUInt32LE(at + 6);
    const key = packed.subarray(keyStart, valueStart);
    if (isPut) {
      const value = packed.subarray(valueStart, valueEnd);
      at = packed.writeUInt32LE(checksumOf(bucketId, key, value), valueEnd);
      visitor.put(bucketId, key, packed.subarray(valueStart, at));
    } else {
      visitor.delete(bucketId, key);
      at = valueEnd;
    }
  }
}
