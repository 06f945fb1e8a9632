import {
  type Backend,
  BUCKETS,
  type Bucket,
  createMemoryEngine,
  type Engine,
  MemoryDisk,
  type Op,
  type View,
} from "@kvorum/backends";
import type { BoltStream } from "@kvorum/backends/boltfile";
import { bigintToBytes, type FileSystem, type Prng, utf8 } from "@kvorum/base";

/** Helpers of this folder's tests; nothing else imports them. */

/** A memory engine whose stores outlive their close. */
export function lastingEngine(): Engine {
  return createMemoryEngine({ disk: new MemoryDisk() });
}

export function revisionKey(main: number, sub = 0): Buffer {
  const parts = [bigintToBytes(BigInt(main)), utf8("_"), bigintToBytes(BigInt(sub))];
  return Buffer.concat(parts);
}

/** `count` revisions in "key" and a few records in every other bucket. */
export function someOps(prng: Prng, count: number): Op[] {
  const ops: Op[] = [];
  for (const bucket of BUCKETS) {
    if (bucket === "key") continue;
    for (let i = prng.below(4); i > 0; i--) {
      ops.push({ bucket, key: utf8(`${bucket}-${i}`), value: Buffer.alloc(prng.below(50), i) });
    }
  }
  for (let i = 0; i < count; i++) {
    // A record of a key "k", revisions and a value of some size.
    const size = prng.below(50) === 0 ? prng.below(20_000) : prng.below(100);
    const value = Buffer.concat([Buffer.from([0x0a, 1, 0x6b, 0x10, 2]), padding(size)]);
    ops.push({ bucket: "key", key: revisionKey(i + 2), value });
  }
  return ops;
}

/** A protobuf field of `size` bytes. */
function padding(size: number): Buffer {
  const head = [0x2a, (size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(size, 0x76)]);
}

/** Every record as "bucket key value" in hex, in order. */
export async function dump(view: View): Promise<string[]> {
  const lines: string[] = [];
  for (const bucket of BUCKETS) lines.push(...(await dumpBucket(view, bucket)));
  await view.close();
  return lines;
}

async function dumpBucket(view: View, bucket: Bucket): Promise<string[]> {
  const lines: string[] = [];
  for await (const { keys, values } of view.scan(bucket)) {
    keys.forEach((key, i) => {
      const pair = [key, values[i]!].map((bytes) => Buffer.from(bytes).toString("hex"));
      lines.push(`${bucket} ${pair.join(" ")}`);
    });
  }
  return lines;
}

export async function collect(stream: BoltStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream.chunks) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function openFilled(engine: Engine, ops: readonly Op[]): Promise<Backend> {
  const backend = await engine.open({ directory: "/engine" });
  await backend.commit(ops);
  return backend;
}

/** Every path below a directory, sorted. */
export async function tree(fs: FileSystem, directory: string): Promise<string[]> {
  const paths: string[] = [];
  for (const name of await fs.list(directory)) {
    const path = `${directory}/${name}`;
    const isDirectory = (await fs.stat(path))?.isDirectory === true;
    paths.push(path);
    if (isDirectory) paths.push(...(await tree(fs, path)));
  }
  return paths;
}
