import { createPrng, type Prng } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { checkBoltFile } from "./check.js";
import { type RecordSizeClass, treePagesMax, worthwhileBound } from "./page-bound.js";
import { readBoltFile } from "./read.js";
import {
  type Contents,
  collectBytes,
  collectRecords,
  memoryFile,
  sourceOf,
  testSeed,
} from "./test-support.js";
import { PageAllocator, TreePacker } from "./tree-packer.js";
import { writeBoltFile, writeBoltFileWithin } from "./write.js";

const KEY_BYTES = 18;
const ENDS = [...Array.from({ length: 32 }, (_, i) => 32 * i + 31), 4064, Number.POSITIVE_INFINITY];

function classesOf(sizes: readonly number[]): RecordSizeClass[] {
  return ENDS.map((atMostBytes, i) => {
    const own = sizes.filter((size) => size <= atMostBytes && (i === 0 || size > ENDS[i - 1]!));
    return { atMostBytes, count: own.length, bytes: own.reduce((sum, size) => sum + size, 0) };
  });
}

function pagesOf(sizes: readonly number[], pageSize: number): number {
  const allocator = new PageAllocator(0);
  const packer = new TreePacker({ pageSize, allocator, onPage: () => {} });
  const bounds = new Uint32Array(3);
  for (const size of sizes) {
    bounds.set([0, KEY_BYTES, size]);
    packer.addAll({ count: 1, bounds });
  }
  packer.finish();
  return allocator.pageCount;
}

const boundOf = (sizes: readonly number[], pageSize = 4096) =>
  treePagesMax({ bucket: "key", keyBytesMax: KEY_BYTES, classes: classesOf(sizes) }, pageSize);

/** Sizes of one kind: all alike, alternating so that pages stay half empty, or of every magnitude. */
function randomSizes(prng: Prng): number[] {
  const count = prng.below(3) === 0 ? prng.below(6) : prng.below(3_000);
  const small = KEY_BYTES + prng.below(600);
  const large = KEY_BYTES + prng.below(9_000);
  const share = 1 + prng.below(40);
  const kind = prng.below(4);
  return Array.from({ length: count }, (_, i) => {
    if (kind === 0) return small;
    if (kind === 1) return i % 2 === 0 ? small : large;
    if (kind === 2) return prng.below(share) === 0 ? large : small;
    return KEY_BYTES + prng.below(2 ** (1 + prng.below(15)));
  });
}

describe("the bound of a tree's pages", () => {
  test("is never below what is written, whatever the sizes and their order", () => {
    const seed = testSeed();
    const prng = createPrng(seed);
    for (let round = 0; round < 300; round++) {
      const sizes = randomSizes(prng);
      const pageSize = [512, 1024, 4096, 16_384][prng.below(4)]!;
      const pages = pagesOf(sizes, pageSize);
      expect(boundOf(sizes, pageSize), `round ${round}`).toBeGreaterThanOrEqual(pages);
    }
  });

  test("is close where records are small, with a few large ones among them", () => {
    for (const size of [60, 100, 200, 304, 400]) {
      const sizes = Array.from({ length: 20_000 }, (_, i) => (i % 5_000 === 7 ? 9_000 : size));
      expect(boundOf(sizes) / pagesOf(sizes, 4096), `${size} bytes`).toBeLessThan(1.12);
    }
  });

  test("is of no use for a small bucket, or where each record may leave much of a page free", () => {
    const bounded = (sizes: number[]) =>
      worthwhileBound({ bucket: "key", keyBytesMax: 18, classes: classesOf(sizes) }, 4096);
    expect(bounded(new Array(60_000).fill(304))).toBeGreaterThan(0);
    expect(bounded(new Array(50_000).fill(304))).toBeUndefined();
    expect(bounded(new Array(60_000).fill(1_500))).toBeUndefined();
    expect(bounded([])).toBeUndefined();
  });
});

describe("a database whose length is said in advance", () => {
  const records = Array.from({ length: 56_000 }, (_, i): [Buffer, Buffer] => {
    const key = Buffer.alloc(17, "_");
    key.writeBigUInt64BE(BigInt(i), 0);
    return [key, Buffer.alloc(290 + (i % 7), i)];
  });
  const lease: [Buffer, Buffer][] = [[Buffer.from("one"), Buffer.alloc(10_000, 1)]];
  const contents: Contents = { key: records, lease };
  const classes = classesOf(records.map(([key, value]) => key.length + value.length));
  const bounded = { bucket: "key", keyBytesMax: KEY_BYTES, classes } as const;

  test("holds the same records; what is left over is free pages", async () => {
    const exact = await writeBoltFile(sourceOf(contents));
    const stream = (await writeBoltFileWithin(sourceOf(contents), bounded))!;
    const bytes = await collectBytes(stream);
    expect(bytes.length).toBe(stream.totalBytes);
    const freePages = (stream.totalBytes - exact.totalBytes) / 4096;
    expect(freePages).toBeGreaterThan(0);
    expect(freePages * 4096).toBeLessThan(0.1 * exact.totalBytes);
    const file = memoryFile(bytes);
    expect(await checkBoltFile(file)).toEqual({ problems: [], freePages });
    const bolt = await readBoltFile(file);
    expect(bolt.sizeBytes).toBe(bytes.length);
    for (const bucket of ["key", "lease", "meta"] as const) {
      const found = await collectRecords(bolt.scan(bucket));
      expect(found.length).toBe(contents[bucket]?.length ?? 0);
      const isSame = found.every(([key, value], i) => {
        const wanted = contents[bucket]![i]!;
        return key.equals(wanted[0]) && value.equals(wanted[1]);
      });
      expect(isSame, bucket).toBe(true);
    }
    await exact.chunks.return();
  });

  test("fails before its end when the source has more than was said", async () => {
    const more = { ...contents, auth: [...lease], key: [...records] };
    for (let i = 0; i < 6_000; i++) {
      const key = Buffer.alloc(17, "_");
      key.writeBigUInt64BE(BigInt(records.length + i), 0);
      more.key.push([key, Buffer.alloc(300)]);
    }
    let told = 0;
    const onExceeded = () => void told++;
    const stream = (await writeBoltFileWithin(sourceOf(more), { ...bounded, onExceeded }))!;
    await expect(collectBytes(stream)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(/^bolt file: bucket "key" has more than the \d+ pages it was/),
    });
    expect(told).toBe(1);
  });
});
