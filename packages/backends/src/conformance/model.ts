import { createPrng } from "@kvorum/base";
import { BUCKETS, type Bucket, type Op, type ScanRange } from "../port.js";
import { hex } from "./context.js";

/** The plainest store there is: what every engine must agree with. Keys and values are hex. */
export class Model {
  readonly #buckets = new Map<Bucket, Map<string, string>>(
    BUCKETS.map((bucket) => [bucket, new Map()]),
  );

  apply(ops: readonly Op[]): void {
    for (const { bucket, key, value } of ops) {
      if (value === undefined) this.#bucket(bucket).delete(hex(key));
      else this.#bucket(bucket).set(hex(key), hex(value));
    }
  }

  get(bucket: Bucket, key: Uint8Array): string | undefined {
    return this.#bucket(bucket).get(hex(key));
  }

  /** The records of a range in order; hex of bytes sorts as the bytes do. */
  scan(bucket: Bucket, range: ScanRange = {}): [key: string, value: string][] {
    const start = range.start && hex(range.start);
    const end = range.end && hex(range.end);
    return [...this.#bucket(bucket)]
      .filter(([key]) => (start === undefined || key >= start) && (end === undefined || key < end))
      .sort(([left], [right]) => (left < right ? -1 : 1));
  }

  copy(): Model {
    const copy = new Model();
    for (const bucket of BUCKETS) {
      for (const [key, value] of this.#bucket(bucket)) copy.#bucket(bucket).set(key, value);
    }
    return copy;
  }

  #bucket(bucket: Bucket): Map<string, string> {
    return this.#buckets.get(bucket)!;
  }
}

/** The key of a revision: main (8, BE), '_', sub (8, BE). */
export function revisionKey(main: number, sub: number): Buffer {
  const key = Buffer.alloc(17);
  key.writeBigUInt64BE(BigInt(main), 0);
  key[8] = 0x5f;
  key.writeBigUInt64BE(BigInt(sub), 9);
  return key;
}

/** Bytes that don't compress and follow from `seed` alone. */
export function noise(length: number, seed: number): Buffer {
  const prng = createPrng(seed);
  const bytes = Buffer.allocUnsafe(length);
  let i = 0;
  for (; i + 4 <= length; i += 4) bytes.writeUInt32LE(prng.below(2 ** 32), i);
  for (; i < length; i++) bytes[i] = prng.below(256);
  return bytes;
}
