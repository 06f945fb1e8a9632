import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { keyOfRecord } from "./key-of-record.js";
import { snapshotStatus } from "./snapshot-status.js";
import { snapshotStream } from "./snapshot-stream.js";
import { collectBytes, memoryFile, sourceOf, testData } from "./test-support.js";
import { verifySnapshotFile } from "./verify-snapshot.js";

describe("status of snapshots that etcd saved equals etcdutl's", () => {
  test.each([
    ["etcd-3.7.1.snap.gz", { hash: 3804610995, version: "3.7.0" }],
    ["etcd-3.4.23.snap.gz", { hash: 3489360227, version: "" }],
  ])("%s", async (name, expected) => {
    const file = memoryFile(testData(name));
    const rest = { revision: 44, totalKey: 29, totalSize: 49_152 };
    expect(await snapshotStatus(file)).toEqual({ ...expected, ...rest });
    const verified = await verifySnapshotFile(file, { skipHashCheck: false });
    expect(verified).toEqual({ databaseBytes: 49_152, hasHash: true });
  });
});

test("a snapshot ends with the SHA-256 of what precedes it", async () => {
  const stream = await snapshotStream(sourceOf({ meta: [[Buffer.from("a"), Buffer.from("b")]] }));
  const bytes = await collectBytes(stream);
  expect(bytes.length).toBe(stream.totalBytes);
  expect(bytes.length % 512).toBe(32);
  const hash = createHash("sha256").update(bytes.subarray(0, -32)).digest();
  expect(bytes.subarray(-32).equals(hash)).toBe(true);
  await verifySnapshotFile(memoryFile(bytes), { skipHashCheck: false });
});

describe("a hash that is absent or wrong", () => {
  test("etcd's texts", async () => {
    const bytes = testData("etcd-3.7.1.snap.gz");
    const bare = memoryFile(bytes.subarray(0, -32));
    await expect(verifySnapshotFile(bare, { skipHashCheck: false })).rejects.toMatchObject({
      code: "FORMAT",
      message: "snapshot missing hash but --skip-hash-check=false",
    });
    expect(await verifySnapshotFile(bare, { skipHashCheck: true })).toEqual({
      databaseBytes: 49_152,
      hasHash: false,
    });

    bytes.fill(1, 49_152);
    const wrong = memoryFile(bytes);
    await expect(verifySnapshotFile(wrong, { skipHashCheck: false })).rejects.toThrow(
      /^expected sha256 \[1( 1){31}\], got \[\d+( \d+){31}\]$/,
    );
    await verifySnapshotFile(wrong, { skipHashCheck: true });
  });
});

describe("the key of a stored record", () => {
  test.each<[string, string, string | undefined]>([
    ["", "", "empty"],
    ["0a03666f6f10021802200128002a03626172", "666f6f", "usual"],
    ["2a036261720a03666f6f", "666f6f", "any order"],
    ["0d000000000a0141", "", undefined],
    ["0a05666f6f", "", undefined],
    ["0a", "", undefined],
    ["0a03666f6f08", "", undefined],
    ["00", "", undefined],
    ["0bff", "", undefined],
  ])("%s", (record, key, meaning) => {
    const found = keyOfRecord(Buffer.from(record, "hex"));
    if (meaning === undefined) expect(found).toBeUndefined();
    else expect(Buffer.from(found!).toString("hex")).toBe(key);
  });
});
