import type { Bucket, View } from "@kvorum/backends";
import { bytesToLatin1, latin1ToBytes } from "@kvorum/base";
import type { BufferedStore } from "../../write-buffer-port.js";

/** The records of every bucket in memory, and a list of what was done to them. */
export class FakeBufferedStore implements BufferedStore {
  readonly operations: string[] = [];
  readonly #buckets = new Map<Bucket, Map<string, Uint8Array>>();

  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined {
    return this.#bucket(bucket).get(bytesToLatin1(key));
  }

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    this.operations.push(`put ${bucket} ${Buffer.from(key).toString("hex")}`);
    this.#bucket(bucket).set(bytesToLatin1(key), value);
  }

  delete(bucket: Bucket, key: Uint8Array): void {
    this.operations.push(`delete ${bucket} ${Buffer.from(key).toString("hex")}`);
    this.#bucket(bucket).delete(bytesToLatin1(key));
  }

  async entries(bucket: Bucket): Promise<readonly (readonly [Uint8Array, Uint8Array])[]> {
    const sorted = [...this.#bucket(bucket)].sort(([left], [right]) => (left < right ? -1 : 1));
    return sorted.map(([key, value]) => [latin1ToBytes(key), value]);
  }

  async flush(): Promise<void> {}

  view(): Promise<View> {
    return Promise.reject(new Error("the lessor takes no views"));
  }

  stat(): { readonly sizeBytes: number; readonly sizeInUseBytes: number } {
    return { sizeBytes: 0, sizeInUseBytes: 0 };
  }

  #bucket(name: Bucket): Map<string, Uint8Array> {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new Map();
      this.#buckets.set(name, bucket);
    }
    return bucket;
  }
}
