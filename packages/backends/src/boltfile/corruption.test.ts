import { createPrng } from "@kvorum/base";
import { beforeAll, describe, expect, test } from "vitest";
import { BackendError } from "../port.js";
import { checkBoltFile } from "./check.js";
import { FLAG_BRANCH, readPageId } from "./format.js";
import { readBoltFile } from "./read.js";
import { snapshotStatus } from "./snapshot-status.js";
import {
  collectBytes,
  collectRecords,
  memoryFile,
  randomRecords,
  sourceOf,
  testData,
  testSeed,
} from "./test-support.js";
import { writeBoltFile } from "./write.js";

const PAGE = 512;
let sound: Buffer;

beforeAll(async () => {
  const prng = createPrng(1);
  const key = randomRecords(prng, { count: 600, keyBytesMax: 60, valueBytesMax: 900 });
  const lease = randomRecords(prng, { count: 5, keyBytesMax: 8, valueBytesMax: 20 });
  sound = await collectBytes(await writeBoltFile(sourceOf({ key, lease }), { pageSize: PAGE }));
});

/** Reads everything and checks everything; undefined, or the error of the reading. */
async function readAll(bytes: Buffer): Promise<unknown> {
  let failure: unknown;
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failure ??= error;
      if (!(error instanceof BackendError) || error.code !== "FORMAT") throw error;
    }
  };
  const file = memoryFile(bytes, "broken.db");
  await attempt(async () => {
    const bolt = await readBoltFile(file);
    for (const bucket of bolt.buckets) await collectRecords(bolt.scan(bucket));
  });
  await attempt(() => checkBoltFile(file));
  await attempt(() => snapshotStatus(file));
  return failure;
}

function firstBranch(bytes: Buffer): number {
  for (let id = 2; id * PAGE < bytes.length; id++) {
    const at = id * PAGE;
    if (bytes.readUInt16LE(at + 8) === FLAG_BRANCH && readPageId(bytes, at) === id) return id;
  }
  throw new Error("no branch page");
}

/** Makes child `index` of the first branch point at page `target`. */
function redirect(bytes: Buffer, index: number, target: number): number {
  const branch = firstBranch(bytes);
  bytes.writeBigUInt64LE(BigInt(target), branch * PAGE + 16 + index * 16 + 8);
  return branch;
}

describe("damage is named", () => {
  test.each<[string, (bytes: Buffer) => Buffer | undefined, RegExp]>([
    ["an empty file", () => Buffer.alloc(0), /not a bolt database: meta page 0: the file ends/],
    ["zeros", (bytes) => bytes.fill(0), /not a bolt database: meta page 0: magic is 0x0/],
    ["a cut file", (bytes) => bytes.subarray(0, bytes.length - 1), /truncated: \d+ pages of 512/],
    [
      "a cycle",
      (bytes) => void redirect(bytes, 0, firstBranch(bytes)),
      /page \d+: (multiple references|the first key|key\[)/,
    ],
    ["a child out of bounds", (bytes) => void redirect(bytes, 1, 1e9), /page 1000000000: out of b/],
    ["a child in the meta pages", (bytes) => void redirect(bytes, 1, 1), /page 1: out of bounds/],
    [
      "a wrong page id",
      (bytes) => void bytes.writeUInt32LE(99, firstBranch(bytes) * PAGE),
      /page \d+: self identifies as 99/,
    ],
    [
      "a wrong page type",
      (bytes) => void bytes.writeUInt16LE(4, firstBranch(bytes) * PAGE + 8),
      /page \d+: invalid type: meta/,
    ],
    [
      "overflow past the end",
      (bytes) => void bytes.writeUInt32LE(0xffff_ffff, firstBranch(bytes) * PAGE + 12),
      /page \d+: its 4294967295 overflow pages pass the end/,
    ],
    [
      "an element outside its page",
      (bytes) => void bytes.writeUInt32LE(0x7fff_ffff, firstBranch(bytes) * PAGE + 16),
      /page \d+: element 0 at byte \d+ with a key of \d+ .* does not fit in 512 bytes/,
    ],
  ])("%s", async (_, damage, message) => {
    const bytes = Buffer.from(sound);
    const failure = await readAll(damage(bytes) ?? bytes);
    expect(failure).toMatchObject({ code: "FORMAT", message: expect.stringMatching(message) });
    expect((failure as Error).message).toMatch(/^broken\.db: /);
  });

  test("the check goes on and lists what it finds", async () => {
    const bytes = Buffer.from(sound);
    const child = readPageId(bytes, firstBranch(bytes) * PAGE + 16 + 8);
    redirect(bytes, 1, child);
    redirect(bytes, 2, 1_000_000);
    const { problems, freePages } = await checkBoltFile(memoryFile(bytes));
    expect(problems).toEqual([
      `page ${child}: multiple references`,
      expect.stringMatching(/bounds/),
    ]);
    expect(freePages).toBeGreaterThanOrEqual(2);
    await expect(snapshotStatus(memoryFile(bytes))).rejects.toThrow(
      /^snapshot file integrity check failed\. 2 errors found\.\npage \d+: multiple/,
    );
  });
});

describe("a damaged meta page gives way to the other", () => {
  test.each([0, 1])("page %i", async (page) => {
    const bytes = Buffer.from(sound);
    bytes[page * PAGE + 16 + 60]! ^= 1;
    const bolt = await readBoltFile(memoryFile(bytes));
    expect(bolt.txid).toBe(page === 0 ? 0n : 1n);
    expect(bolt.pageSize).toBe(PAGE);
  });
});

describe("random damage never crashes or hangs the reader", () => {
  const seed = testSeed();
  const samples = [
    "bbolt-p512-freelist.db.gz",
    "bbolt-p4096-nested.db.gz",
    "bbolt-p1024-nofreelist.db.gz",
    "etcd-3.7.1.snap.gz",
  ];

  test.each([undefined, ...samples])("in %s", async (name) => {
    const prng = createPrng(seed);
    const original = name === undefined ? sound : testData(name);
    let failures = 0;
    for (let round = 0; round < 250; round++) {
      let bytes = Buffer.from(original);
      const flips = 1 + prng.below(12);
      for (let i = 0; i < flips; i++) {
        // Half of the damage goes to page heads, where it does most harm.
        const at = prng.below(bytes.length);
        const place = prng.below(2) === 0 ? at : at - (at % 512) + prng.below(64);
        bytes[Math.min(place, bytes.length - 1)]! ^= 1 << prng.below(8);
      }
      if (prng.below(10) === 0) bytes = bytes.subarray(0, prng.below(bytes.length));
      if ((await readAll(bytes)) !== undefined) failures++;
    }
    expect(failures).toBeGreaterThan(20);
  });
});
