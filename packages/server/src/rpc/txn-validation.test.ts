import { etcdserverpb } from "@kvorum/api";
import { describe, expect, test } from "vitest";
import {
  isReadOnlyTxn,
  isSerializableTxn,
  validatePut,
  validateRange,
  validateTxn,
} from "./txn-validation.js";

type Op = etcdserverpb.RequestOp;
type Txn = etcdserverpb.TxnRequest;

const OPS_MAX = 128;
const UNKNOWN_ORDER = 3 as etcdserverpb.RangeRequest_SortOrder;
const bytes = (text: string) => Buffer.from(text, "latin1");

const putOf = (key: string, fields: Partial<etcdserverpb.PutRequest> = {}) =>
  etcdserverpb.PutRequest.fromPartial({ key: bytes(key), ...fields });
const put = (key: string): Op => ({ request: { $case: "requestPut", value: putOf(key) } });
const del = (key: string, end = ""): Op => ({
  request: {
    $case: "requestDeleteRange",
    value: { key: bytes(key), rangeEnd: bytes(end), prevKv: false },
  },
});
const rangeOf = (fields: Partial<etcdserverpb.RangeRequest>) =>
  etcdserverpb.RangeRequest.fromPartial({ key: bytes("k"), ...fields });
const range = (fields: Partial<etcdserverpb.RangeRequest> = {}): Op => ({
  request: { $case: "requestRange", value: rangeOf(fields) },
});
const txnOf = (success: Op[], failure: Op[] = []): Txn => ({ compare: [], success, failure });
const nested = (success: Op[], failure: Op[] = []): Op => ({
  request: { $case: "requestTxn", value: txnOf(success, failure) },
});

const outcome = (request: Txn, opsMax = OPS_MAX): string => {
  try {
    validateTxn(request, opsMax);
    return "ok";
  } catch (error) {
    return (error as Error).message;
  }
};

const DUPLICATE = "etcdserver: duplicate key given in txn request";
const TOO_MANY = "etcdserver: too many operations in txn request";

describe("duplicate keys", () => {
  test.each<[string, Op[], string]>([
    ["two puts of one key", [put("a"), put("a")], DUPLICATE],
    ["puts of two keys", [put("a"), put("b")], "ok"],
    ["a put and a delete of its key", [put("a"), del("a")], DUPLICATE],
    ["a delete before a put of its key", [del("a"), put("a")], DUPLICATE],
    ["a put inside a deleted range", [del("a", "c"), put("b")], DUPLICATE],
    ["a put at the end of a deleted range", [del("a", "c"), put("c")], "ok"],
    ["a put behind a deleted key", [del("a"), put("a\0")], "ok"],
    ["deletes that overlap", [del("a", "d"), del("b", "e"), del("c")], "ok"],
    ["a put and reads of its key", [range(), put("k"), range()], "ok"],
    // etcd's interval tree knows no "everything from here": such an interval is empty.
    ["a put above a delete of all keys from one", [del("a", "\0"), put("b")], "ok"],
    ["a put in a range that ends before it starts", [del("c", "a"), put("b")], "ok"],
    ["bytes above 127 compare unsigned", [del("\x7f", "\xff"), put("\x80")], DUPLICATE],
  ])("%s: %#", (_name, ops, expected) => {
    expect(outcome(txnOf(ops))).toBe(expected);
    expect(outcome(txnOf([], ops))).toBe(expected);
  });

  test.each<[string, Op[], string]>([
    ["one key in then and else of one", [nested([put("a")], [put("a")])], "ok"],
    ["a put and a delete in then and else of one", [nested([put("a")], [del("a")])], "ok"],
    ["one key in two", [nested([put("a")]), nested([put("a")])], DUPLICATE],
    ["one key in two, deeper", [nested([nested([put("a")])]), nested([put("a")])], DUPLICATE],
    ["a key of this level", [nested([put("a")]), put("a")], DUPLICATE],
    ["a key that this level deletes", [nested([put("a")]), del("a")], DUPLICATE],
    ["a delete of a key of this level", [nested([del("a")]), put("a")], DUPLICATE],
    ["a delete, then a put in a later one", [nested([del("a")]), nested([put("a")])], DUPLICATE],
    ["a put, then a delete in a later one", [nested([put("a")]), nested([del("a")])], "ok"],
    ["inside one", [nested([put("a"), put("a")])], DUPLICATE],
  ])("of nested transactions, %s", (_name, ops, expected) => {
    expect(outcome(txnOf(ops))).toBe(expected);
  });

  test("the two branches may write the same", () => {
    expect(outcome(txnOf([put("a")], [put("a")]))).toBe("ok");
    expect(outcome(txnOf([del("a", "z")], [put("b")]))).toBe("ok");
  });
});

describe("the number of operations", () => {
  const puts = (count: number) => Array.from({ length: count }, (_, i) => put(`k${i}`));

  test("is the largest part's, on each level what the parent left", () => {
    expect(outcome(txnOf(puts(128), puts(128)))).toBe("ok");
    expect(outcome(txnOf(puts(129)))).toBe(TOO_MANY);
    expect(outcome(txnOf([], puts(129)))).toBe(TOO_MANY);
    expect(outcome(txnOf([nested(puts(127))]))).toBe("ok");
    expect(outcome(txnOf([nested(puts(128))]))).toBe(TOO_MANY);
    expect(outcome(txnOf([range(), range(), nested(puts(2))]), 5)).toBe("ok");
    expect(outcome(txnOf([range(), range(), nested(puts(2))]), 4)).toBe(TOO_MANY);
  });

  test("counts comparisons too, and comes before all else", () => {
    const compare = Array.from({ length: 2 }, () => etcdserverpb.Compare.fromPartial({}));
    expect(outcome({ ...txnOf([]), compare }, 1)).toBe(TOO_MANY);
    expect(outcome({ ...txnOf([]), compare }, 2)).toBe("etcdserver: key is not provided");
  });
});

describe("an operation", () => {
  test.each<[string, Op, string]>([
    ["that is none", { request: undefined }, "etcdserver: key not found"],
    ["put without a key", put(""), "etcdserver: key is not provided"],
    ["delete without a key", del(""), "etcdserver: key is not provided"],
    ["range without a key", range({ key: bytes("") }), "etcdserver: key is not provided"],
    ["range of odd order", range({ sortOrder: UNKNOWN_ORDER }), "etcdserver: invalid sort option"],
  ])("%s is refused on both branches and in nested ones", (_name, op, message) => {
    expect(outcome(txnOf([op]))).toBe(message);
    expect(outcome(txnOf([], [op]))).toBe(message);
    expect(outcome(txnOf([nested([], [op])]))).toBe(message);
  });

  test("an operation is judged before duplicates are", () => {
    expect(outcome(txnOf([put("a"), put("a")], [put("")]))).toBe("etcdserver: key is not provided");
  });

  test("a put keeps what it ignores empty", () => {
    expect(() => validatePut(putOf("k", { ignoreValue: true, value: bytes("v") }))).toThrow(
      "etcdserver: value is provided",
    );
    expect(() => validatePut(putOf("k", { ignoreLease: true, lease: 1n }))).toThrow(
      "etcdserver: lease is provided",
    );
    validatePut(putOf("k", { ignoreValue: true, ignoreLease: true }));
  });

  test.each([{ sortOrder: -1 }, { sortOrder: 3 }, { sortTarget: -1 }, { sortTarget: 5 }])(
    "a range with %j is refused",
    (fields) => {
      expect(() => validateRange(rangeOf(fields))).toThrow("etcdserver: invalid sort option");
    },
  );
});

test("only ranges on the top level make a transaction read-only", () => {
  expect(isReadOnlyTxn(txnOf([]))).toBe(true);
  expect(isReadOnlyTxn(txnOf([range()], [range()]))).toBe(true);
  expect(isReadOnlyTxn(txnOf([nested([range()])]))).toBe(false);
  expect(isReadOnlyTxn(txnOf([range()], [put("a")]))).toBe(false);
});

test("a read-only transaction is serializable when every range is", () => {
  expect(isSerializableTxn(txnOf([]))).toBe(true);
  expect(isSerializableTxn(txnOf([range({ serializable: true })]))).toBe(true);
  expect(isSerializableTxn(txnOf([range({ serializable: true })], [range()]))).toBe(false);
});
