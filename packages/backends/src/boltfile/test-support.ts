import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { compareBytes, type File, type Prng } from "@kvorum/base";
import type { Bucket, ScanBatch } from "../port.js";
import type { BoltSource } from "./build-pages.js";
import type { BoltStream } from "./write.js";

/** Helpers of this folder's tests; nothing else imports them. */
export type Records = [Buffer, Buffer][];
export type Contents = Partial<Record<Bucket, Records>>;

/** A read-only file over bytes in memory. Reads resolve in a later turn, as real ones do. */
export function memoryFile(bytes: Buffer, path = "test.db"): File {
  const refuse = (): Promise<never> => Promise.reject(new Error("read-only"));
  return {
    path,
    async read(into, position) {
      await Promise.resolve();
      return position >= bytes.length ? 0 : bytes.copy(into, 0, position);
    },
    sizeBytes: async () => bytes.length,
    write: refuse,
    truncate: refuse,
    sync: refuse,
    close: async () => {},
  };
}

/** Unpacks a file of testdata/. */
export function testData(name: string): Buffer {
  const bytes = readFileSync(new URL(`./testdata/${name}`, import.meta.url));
  return name.endsWith(".gz") ? gunzipSync(bytes) : bytes;
}

export function sourceOf(contents: Contents, batchRecords = 1000): BoltSource {
  return {
    async *scan(bucket): AsyncGenerator<ScanBatch> {
      const records = contents[bucket] ?? [];
      for (let i = 0; i < records.length; i += batchRecords) {
        const part = records.slice(i, i + batchRecords);
        yield { keys: part.map(([key]) => key), values: part.map(([, value]) => value) };
      }
    },
  };
}

export async function collectRecords(batches: AsyncIterable<ScanBatch>): Promise<Records> {
  const records: Records = [];
  for await (const { keys, values } of batches) {
    for (let i = 0; i < keys.length; i++) {
      records.push([Buffer.from(keys[i]!), Buffer.from(values[i]!)]);
    }
  }
  return records;
}

export async function collectBytes(stream: BoltStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream.chunks) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export interface RecordSizes {
  readonly count: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
}

/** Sorted records with distinct keys; sizes are skewed towards small ones, values may be empty. */
export function randomRecords(prng: Prng, sizes: RecordSizes): Records {
  const byKey = new Map<string, [Buffer, Buffer]>();
  for (let i = 0; i < sizes.count; i++) {
    const key = randomBytes(prng, 1 + skewed(prng, sizes.keyBytesMax));
    byKey.set(key.toString("latin1"), [key, randomBytes(prng, skewed(prng, sizes.valueBytesMax))]);
  }
  return [...byKey.values()].sort(([left], [right]) => compareBytes(left, right));
}

function skewed(prng: Prng, max: number): number {
  return prng.below(8) === 0 ? prng.below(max) : prng.below(Math.min(max, 64));
}

function randomBytes(prng: Prng, size: number): Buffer {
  const bytes = Buffer.alloc(size, prng.below(256));
  for (let i = 0; i < Math.min(size, 12); i++) bytes[i] = prng.below(256);
  return bytes;
}

/** The seed of a random test: KVORUM_SEED, or a new one, printed so that a failure can be rerun. */
export function testSeed(): number {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`KVORUM_SEED=${seed}`);
  return seed;
}
