import { createPrng, MemoryFileSystem } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { BUCKETS } from "../port.js";
import type { WriteBoltOptions } from "./build-pages.js";
import { checkBoltFile } from "./check.js";
import { readBoltFile } from "./read.js";
import { snapshotFileStream } from "./snapshot-stream.js";
import {
  type Contents,
  collectBytes,
  collectRecords,
  memoryFile,
  randomRecords,
  sourceOf,
  testSeed,
} from "./test-support.js";
import { verifySnapshotFile } from "./verify-snapshot.js";
import { writeBoltFile, writeBoltFileTo } from "./write.js";

/** Writes, checks and reads back; returns the bytes. */
async function roundTrip(contents: Contents, options: WriteBoltOptions = {}): Promise<Buffer> {
  const stream = await writeBoltFile(sourceOf(contents), options);
  const bytes = await collectBytes(stream);
  expect(bytes.length).toBe(stream.totalBytes);
  const file = memoryFile(bytes);
  expect(await checkBoltFile(file)).toEqual({ problems: [], freePages: 0 });
  const bolt = await readBoltFile(file);
  expect(bolt.buckets).toEqual([...BUCKETS]);
  expect(bolt.sizeBytes).toBe(bytes.length);
  expect(bolt.txid).toBe(options.txid ?? 1n);
  for (const bucket of BUCKETS) {
    const found = await collectRecords(bolt.scan(bucket));
    const wanted = contents[bucket] ?? [];
    expect(found.length).toBe(wanted.length);
    const isSame = found.every(
      ([key, value], i) => key.equals(wanted[i]![0]) && value.equals(wanted[i]![1]),
    );
    expect(isSame, `bucket ${bucket}`).toBe(true);
  }
  return bytes;
}

test("one scan into a file gives the same bytes as two into a stream", async () => {
  const prng = createPrng(5);
  const key = randomRecords(prng, { count: 4_000, keyBytesMax: 40, valueBytesMax: 9_000 });
  const options = { txid: 9n, chunkBytes: 32_768 };
  const bytes = await collectBytes(await writeBoltFile(sourceOf({ key }), options));
  const fs = new MemoryFileSystem({ seed: 1 });
  const file = await fs.open("/written.db", "create");
  const sizeBytes = await writeBoltFileTo(sourceOf({ key }), file, options);
  expect(sizeBytes).toBe(bytes.length);
  const stream = snapshotFileStream(file, sizeBytes);
  expect(stream.totalBytes).toBe(sizeBytes + 32);
  const copy = await collectBytes(stream);
  expect(copy.subarray(0, -32).equals(bytes)).toBe(true);
  await verifySnapshotFile(memoryFile(copy), { skipHashCheck: false });
  await file.close();
});

test("nothing but empty buckets takes three pages", async () => {
  const bytes = await roundTrip({});
  expect(bytes.length).toBe(3 * 4096);
});

test("both meta pages are valid, the first one newer, without a freelist", async () => {
  const bytes = await roundTrip({}, { txid: 77n });
  for (const [page, txid] of [77n, 76n].entries()) {
    const meta = bytes.subarray(page * 4096 + 16);
    expect(meta.readUInt32LE(0)).toBe(0xed0cdaed);
    expect(meta.readBigUInt64LE(32)).toBe(0xffff_ffff_ffff_ffffn);
    expect(meta.readBigUInt64LE(48)).toBe(txid);
  }
});

describe("write then read gives the same records", () => {
  const seed = testSeed();
  const prng = createPrng(seed);
  const pageSizes = [512, 1024, 4096, 4096, 4096, 16_384, 65_536];

  test.each(Array.from({ length: 30 }, (_, i) => i))("random contents %i", async () => {
    const contents: Contents = {};
    for (const bucket of BUCKETS) {
      if (prng.below(3) === 0) continue;
      const count = prng.below([3, 40, 400, 3_000][prng.below(4)]!);
      const sizes = { count, keyBytesMax: 1 + prng.below(300), valueBytesMax: 5_000 };
      contents[bucket] = randomRecords(prng, sizes);
    }
    const pageSize = pageSizes[prng.below(pageSizes.length)]!;
    await roundTrip(contents, { pageSize, chunkBytes: 1 << (12 + prng.below(9)) });
  });

  test("50,000 records on 512-byte pages make many levels", async () => {
    const key = randomRecords(prng, { count: 50_000, keyBytesMax: 120, valueBytesMax: 60 });
    await roundTrip({ key }, { pageSize: 512 });
  });

  test("keys of 32 KiB: branches with overflow pages", async () => {
    for (const count of [1, 2, 3, 4, 5, 6, 7, 8, 9, 64]) {
      const key = Array.from({ length: count }, (_, i): [Buffer, Buffer] => {
        const bytes = Buffer.alloc(32_768, 0x61);
        bytes.writeUInt32BE(i, 32_764);
        return [bytes, Buffer.alloc(0)];
      });
      await roundTrip({ key });
    }
  });

  test("values of 1.5 MiB between empty ones", async () => {
    const key = Array.from({ length: 12 }, (_, i): [Buffer, Buffer] => {
      return [Buffer.from([i]), Buffer.alloc(i % 3 === 0 ? 1_572_864 : 0, i)];
    });
    await roundTrip({ key, lease: key });
  });
});

test("pages are filled to the brim", async () => {
  const key = Array.from({ length: 20_000 }, (_, i): [Buffer, Buffer] => {
    const bytes = Buffer.alloc(17);
    bytes.writeUInt32BE(i, 4);
    return [bytes, Buffer.alloc(20)];
  });
  const bytes = await roundTrip({ key });
  // 76 records of 53 bytes fit a leaf and 123 children of 33 bytes a branch: 264 leaves, 3 branches
  // and their root, then the root bucket and two meta pages.
  expect(bytes.length / 4096).toBe(264 + 3 + 1 + 1 + 2);
});

test("a source out of order is refused", async () => {
  const key: [Buffer, Buffer][] = [
    [Buffer.from("b"), Buffer.alloc(1)],
    [Buffer.from("a"), Buffer.alloc(1)],
  ];
  const stream = await writeBoltFile(sourceOf({ key }));
  await expect(collectBytes(stream)).rejects.toMatchObject({ code: "CORRUPT" });
});

test("a source that changes between the scans is refused", async () => {
  for (const [before, after] of [
    [10, 2_000],
    [2_000, 10],
  ] as const) {
    const record = (i: number): [Buffer, Buffer] => [
      Buffer.from(String(i).padStart(8, "0")),
      Buffer.alloc(100),
    ];
    const key = Array.from({ length: before }, (_, i) => record(i));
    const contents = { key };
    const stream = await writeBoltFile(sourceOf(contents));
    contents.key = Array.from({ length: after }, (_, i) => record(i));
    await expect(collectBytes(stream)).rejects.toMatchObject({ code: "CORRUPT" });
  }
});
