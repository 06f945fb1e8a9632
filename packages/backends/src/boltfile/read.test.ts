import { crc32c } from "@node-rs/crc32";
import { describe, expect, test } from "vitest";
import { checkBoltFile } from "./check.js";
import { readBoltFile } from "./read.js";
import { collectRecords, memoryFile, testData } from "./test-support.js";

/** Written by bbolt 1.5.0 in three transactions with deletions; checksums taken by it too. */
interface Expected {
  readonly Name: string;
  readonly PageSize: number;
  readonly Freelist: boolean;
  readonly Pages: number;
  readonly Free: number;
  readonly Txid: number;
  readonly Buckets: Record<string, { readonly Count: number; readonly Crc: number }>;
}

const files = JSON.parse(testData("bbolt-expected.json").toString()) as Expected[];

describe.each(files)("a file that bbolt wrote: $Name", (expected) => {
  const file = memoryFile(testData(`bbolt-${expected.Name}.db.gz`));

  test("is read as bbolt reads it", async () => {
    const bolt = await readBoltFile(file, { nestedBuckets: "skip" });
    expect(bolt.pageSize).toBe(expected.PageSize);
    expect(bolt.pageCount).toBe(expected.Pages);
    expect(bolt.sizeBytes).toBe(expected.Pages * expected.PageSize);
    expect(bolt.freePages).toBe(expected.Freelist ? expected.Free : undefined);
    expect(bolt.buckets).toEqual(Object.keys(expected.Buckets));
    for (const bucket of bolt.buckets) {
      const records = await collectRecords(bolt.scan(bucket));
      expect(records.length).toBe(expected.Buckets[bucket]!.Count);
      expect(crc32c(Buffer.concat(records.flat()))).toBe(expected.Buckets[bucket]!.Crc);
    }
  });

  test("passes the check, which finds the free pages", async () => {
    expect(await checkBoltFile(file)).toEqual({ problems: [], freePages: expected.Free });
  });
});

test("a bucket inside a bucket is refused unless it shall be skipped", async () => {
  const bolt = await readBoltFile(memoryFile(testData("bbolt-p4096-nested.db.gz"), "n.db"));
  await expect(collectRecords(bolt.scan("key"))).rejects.toMatchObject({
    code: "FORMAT",
    message: expect.stringMatching(/^n\.db: page \d+: bucket "key" holds a bucket \(hex\)6b65792d/),
  });
});

test("a bucket that the file lacks is empty", async () => {
  const bolt = await readBoltFile(memoryFile(testData("etcd-3.7.1.snap.gz")));
  expect(await collectRecords(bolt.scan("nowhere"))).toEqual([]);
});
