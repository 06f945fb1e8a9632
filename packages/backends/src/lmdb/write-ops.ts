import { BUCKET_IDS } from "../common/bucket-id.js";
import { unpackOps } from "../common/packed-ops.js";
import { CHECKSUM_BYTES, writeSealed } from "../common/record-checksum.js";
import { BUCKETS, type Bucket } from "../port.js";
import type { Environment } from "./environment.js";
import { isLongKey, joinLong, storedKey } from "./key-codec.js";

const BUCKETS_BY_ID: Bucket[] = [];
for (const bucket of BUCKETS) BUCKETS_BY_ID[BUCKET_IDS[bucket]] = bucket;

/** Whoever must know what commits change. */
export interface CommitObserver {
  /** A key that is put or removed, as it is stored; the memory is the caller's. */
  note(bucket: Bucket, key: Buffer): void;
  noteCommit(bytes: number): void;
}

/**
 * Makes the operations of one commit in one transaction and waits until it is synced.
 * @param observer is told of it
 */
export function writeOps(
  { root, tables }: Environment,
  packed: Buffer,
  observer?: CommitObserver,
): void {
  observer?.noteCommit(packed.length);
  root.transactionSync(() => {
    unpackOps(packed, {
      put(bucketId, key, sealed) {
        const bucket = BUCKETS_BY_ID[bucketId]!;
        const stored = storedKey(key);
        observer?.note(bucket, stored);
        const value = isLongKey(key) ? sealLong(bucket, key, sealed) : sealed;
        void tables[bucket].put(stored, value);
      },
      delete(bucketId, key) {
        const bucket = BUCKETS_BY_ID[bucketId]!;
        const stored = storedKey(key);
        observer?.note(bucket, stored);
        void tables[bucket].remove(stored);
      },
    });
  });
}

/** The key goes before the value here, and under the checksum, which is therefore made anew. */
function sealLong(bucket: Bucket, key: Buffer, sealed: Buffer): Buffer {
  const value = joinLong(key, sealed.subarray(0, sealed.length - CHECKSUM_BYTES));
  const bytes = Buffer.allocUnsafe(value.length + CHECKSUM_BYTES);
  writeSealed(bytes, 0, { bucket, key, value });
  return bytes;
}
