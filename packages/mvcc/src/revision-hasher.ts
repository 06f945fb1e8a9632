import { utf8 } from "@kvorum/base";
import { crc32c } from "@node-rs/crc32";
import { isTombstoneKey, revisionKeyMain, revisionKeySub } from "./revision-key.js";

export interface RevisionHasherOptions {
  /** Records at or below it count only if they are kept; -1 for none. */
  readonly compactRevision: number;
  /** Records above it don't count. */
  readonly revision: number;
  /** Whether nothing at all is kept: then everything counts, as in etcd. */
  readonly keepsNothing: boolean;
  /** Whether the keep set holds the revision of this record; asked only if it depends on that. */
  readonly keeps: (record: Uint8Array, main: number, sub: number) => boolean;
}

/**
 * HashKV's CRC-32C over "key" and the counted records of that bucket in key order. The bytes are
 * gathered, so that the checksum is called once for many records. Source: etcd's kvHasher.
 */
export class RevisionHasher {
  readonly #options: RevisionHasherOptions;
  readonly #gather = new CrcGatherer();

  constructor(options: RevisionHasherOptions) {
    this.#options = options;
    this.#gather.add(BUCKET_NAME);
  }

  /** `key` is the record's key in the bucket, of 17 or 18 bytes. */
  add(key: Uint8Array, record: Uint8Array): void {
    const { compactRevision, revision, keepsNothing, keeps } = this.#options;
    const main = revisionKeyMain(key);
    if (main > revision) return;
    if (main <= compactRevision && !keepsNothing && !keeps(record, main, revisionKeySub(key))) {
      return;
    }
    // A tombstone at the compact revision may be gone on members of older releases.
    if (main === compactRevision && isTombstoneKey(key)) return;
    this.#gather.add(key);
    this.#gather.add(record);
  }

  digest(): number {
    return this.#gather.digest();
  }
}

/** CRC-32C over many small pieces. */
export class CrcGatherer {
  readonly #buffer = Buffer.allocUnsafe(GATHER_BYTES);
  #length = 0;
  #crc: number | undefined = undefined;

  add(bytes: Uint8Array): void {
    if (this.#length + bytes.length > GATHER_BYTES) this.#flush();
    if (bytes.length > GATHER_BYTES) {
      this.#update(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      return;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  digest(): number {
    this.#flush();
    return this.#crc ?? 0;
  }

  #flush(): void {
    if (this.#length === 0) return;
    this.#update(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
  }

  #update(bytes: Buffer): void {
    this.#crc = this.#crc === undefined ? crc32c(bytes) : crc32c(bytes, this.#crc);
  }
}

const BUCKET_NAME = utf8("key");
const GATHER_BYTES = 64 * 1024;
