import { BUCKET_IDS } from "../common/bucket-id.js";
import type { Bucket, ScanRange } from "../port.js";

/** LevelDB has one ordered space of keys: bucket id (1 byte) | key. */
export function storedKey(bucket: Bucket, key: Uint8Array): Buffer {
  const stored = Buffer.allocUnsafe(1 + key.length);
  stored[0] = BUCKET_IDS[bucket];
  stored.set(key, 1);
  return stored;
}

/** The stored bounds of a range: `gte` inclusive, `lt` exclusive. */
export function storedRange(
  bucket: Bucket,
  { start, end }: ScanRange,
): { readonly gte: Buffer; readonly lt: Buffer } {
  return {
    gte: start === undefined ? Buffer.of(BUCKET_IDS[bucket]) : storedKey(bucket, start),
    lt: end === undefined ? Buffer.of(BUCKET_IDS[bucket] + 1) : storedKey(bucket, end),
  };
}

/**
 * Prefixes keys in memory that is used again, one piece for each length: for calls that are done
 * with the bytes when they return.
 */
export class KeyScratch {
  readonly #byLength = new Map<number, Buffer>();

  stored(bucket: Bucket, key: Uint8Array): Buffer {
    const length = 1 + key.length;
    if (length > SCRATCH_BYTES_MAX) return storedKey(bucket, key);
    let scratch = this.#byLength.get(length);
    if (scratch === undefined) {
      scratch = Buffer.allocUnsafeSlow(length);
      this.#byLength.set(length, scratch);
    }
    scratch[0] = BUCKET_IDS[bucket];
    scratch.set(key, 1);
    return scratch;
  }
}

const scratches: (Buffer | undefined)[] = [];

/** As `KeyScratch`, by the number of the bucket: the bytes are valid until the next call. */
export function prefixInto(bucketId: number, key: Uint8Array): Buffer {
  const length = 1 + key.length;
  let scratch = scratches[length];
  if (scratch === undefined) {
    scratch = Buffer.allocUnsafeSlow(length);
    if (length <= SCRATCH_BYTES_MAX) scratches[length] = scratch;
  }
  scratch[0] = bucketId;
  scratch.set(key, 1);
  return scratch;
}

const SCRATCH_BYTES_MAX = 64;
