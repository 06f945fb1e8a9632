import { expect, test } from "vitest";
import {
  decodeMetaRevision,
  encodeRevisionKey,
  isTombstoneKey,
  revisionKeyMain,
  revisionKeySub,
} from "./revision-key.js";

test("has etcd's bytes", () => {
  expect(encodeRevisionKey(2, 0).toString("hex")).toBe("00000000000000025f0000000000000000");
  expect(encodeRevisionKey(0x1_0203_0405, 6, true).toString("hex")).toBe(
    "00000001020304055f000000000000000674",
  );
});

test.each([
  [1, 0],
  [2 ** 32 - 1, 2 ** 32],
  [2 ** 53 - 1, 2 ** 53 - 1],
])("keeps %d.%d", (main, sub) => {
  for (const isTombstone of [false, true]) {
    const key = encodeRevisionKey(main, sub, isTombstone);
    expect([revisionKeyMain(key), revisionKeySub(key)]).toEqual([main, sub]);
    expect(isTombstoneKey(key)).toBe(isTombstone);
  }
});

test("a revision in bucket meta is -1 when absent", () => {
  expect(decodeMetaRevision(undefined)).toBe(-1);
  expect(decodeMetaRevision(encodeRevisionKey(7, 0))).toBe(7);
  expect(() => decodeMetaRevision(Buffer.alloc(8))).toThrow("8 bytes");
});
