import { etcdserverpb, limits } from "@kvorum/api";
import { expect, test } from "vitest";
import { putCost, Quota, txnCost } from "./quota.js";

const { PutRequest, RequestOp, TxnRequest } = etcdserverpb;
const put = (keyBytes: number, valueBytes: number) =>
  PutRequest.fromPartial({ key: Buffer.alloc(keyBytes), value: Buffer.alloc(valueBytes) });
const putOp = (valueBytes: number) =>
  RequestOp.fromPartial({ request: { $case: "requestPut", value: put(1, valueBytes) } });

test("0 is the default of 2 GiB, below 0 is off", () => {
  expect(new Quota(0, () => 0).quotaBytes).toBe(limits.quotaBytesDefault);
  expect(limits.quotaBytesDefault).toBe(2 ** 31);
  expect(new Quota(-1, () => 2 ** 50).allows(2 ** 40)).toBe(true);
});

test("the sum must stay below the quota; equality is refused, what costs nothing is not", () => {
  let size = 900;
  const quota = new Quota(1_000, () => size);
  expect(quota.allows(99)).toBe(true);
  expect(quota.allows(100)).toBe(false);
  size = 5_000;
  expect(quota.allows(1)).toBe(false);
  expect(quota.allows(0)).toBe(true);
});

test("a put costs its key, its value and 256", () => {
  expect(putCost(put(3, 10))).toBe(269);
});

test("a transaction costs its dearer branch, nested ones included", () => {
  const nested = TxnRequest.fromPartial({ success: [putOp(1_000)], failure: [] });
  const nestedOp = RequestOp.fromPartial({ request: { $case: "requestTxn", value: nested } });
  const txn = { compare: [], success: [putOp(1), putOp(2)], failure: [putOp(3), nestedOp] };
  expect(txnCost({ ...txn, failure: [] })).toBe(257 + 1 + 257 + 2);
  expect(txnCost(txn)).toBe(257 + 3 + 257 + 1_000);
  const range = {
    $case: "requestRange" as const,
    value: etcdserverpb.RangeRequest.fromPartial({}),
  };
  expect(txnCost({ compare: [], success: [{ request: range }], failure: [] })).toBe(0);
});
