import { etcdserverpb } from "@kvorum/api";
import { expect, test } from "vitest";
import { keyRange, rangeRequest } from "./ops.js";
import { compare, op } from "./txn.js";

const hex = (range: { key: Uint8Array; rangeEnd: Uint8Array }) =>
  [range.key, range.rangeEnd].map((bytes) => Buffer.from(bytes).toString("hex"));

test("a range is the key alone, an end, a prefix, or everything from the key on", () => {
  expect(hex(keyRange("foo", {}))).toEqual(["666f6f", ""]);
  expect(hex(keyRange("a", { rangeEnd: "c" }))).toEqual(["61", "63"]);
  expect(hex(keyRange("foo", { prefix: true }))).toEqual(["666f6f", "666f70"]);
  expect(hex(keyRange(Buffer.from([0x61, 0xff]), { prefix: true }))).toEqual(["61ff", "62"]);
  expect(hex(keyRange(Buffer.from([0xff, 0xff]), { prefix: true }))).toEqual(["ffff", "00"]);
  expect(hex(keyRange("foo", { fromKey: true }))).toEqual(["666f6f", "00"]);
  expect(hex(keyRange("", { prefix: true }))).toEqual(["00", "00"]);
  expect(hex(keyRange("", { fromKey: true }))).toEqual(["00", "00"]);
});

test("ascending by key is no request to sort, as keys come so anyway", () => {
  const { ASCEND, NONE, DESCEND } = etcdserverpb.RangeRequest_SortOrder;
  expect(rangeRequest("a", { order: "ascend" }).sortOrder).toBe(NONE);
  expect(rangeRequest("a", { order: "ascend", sortBy: "mod" }).sortOrder).toBe(ASCEND);
  expect(rangeRequest("a", { order: "descend" }).sortOrder).toBe(DESCEND);
});

test("operations and conditions carry what they were made of", () => {
  expect(op.put("k", "v", { lease: 7n, prevKv: true })).toEqual({
    request: {
      $case: "requestPut",
      value: {
        key: Buffer.from("k"),
        value: Buffer.from("v"),
        lease: 7n,
        prevKv: true,
        ignoreValue: false,
        ignoreLease: false,
      },
    },
  });
  expect(compare.modRevision("k", ">", 4)).toEqual({
    result: etcdserverpb.Compare_CompareResult.GREATER,
    target: etcdserverpb.Compare_CompareTarget.MOD,
    key: Buffer.from("k"),
    rangeEnd: Buffer.alloc(0),
    targetUnion: { $case: "modRevision", value: 4 },
  });
});
