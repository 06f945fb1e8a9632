import { decodeTxnRequest, etcdserverpb, NOT_PLAIN, plainTxnPutBytes } from "@kvorum/api";
import { createPrng, utf8 } from "@kvorum/base";
import { expect, test } from "vitest";
import { plainPutCost, txnCost } from "../quota.js";
import { isReadOnlyTxn, validateTxn } from "./txn-validation.js";

type Txn = etcdserverpb.TxnRequest;
type Compare = etcdserverpb.Compare;
type Op = etcdserverpb.RequestOp;

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
console.log(`plain transactions: KVORUM_SEED=${seed}`);
const prng = createPrng(seed);
const OPS_MAX = 2;

const { TxnRequest, PutRequest, RangeRequest, DeleteRangeRequest } = etcdserverpb;
const encode = (txn: Partial<Txn>): Buffer =>
  Buffer.from(TxnRequest.encode({ compare: [], success: [], failure: [], ...txn }).finish());
const compareOf = (fields: Partial<Compare>): Compare =>
  etcdserverpb.Compare.fromPartial({ key: utf8("k"), ...fields });
const putOf = (fields: Partial<etcdserverpb.PutRequest> = {}): Op => {
  const value = PutRequest.fromPartial({ key: utf8("key"), value: utf8("value"), ...fields });
  return { request: { $case: "requestPut", value } };
};
const rangeOf = (fields: Partial<etcdserverpb.RangeRequest> = {}): Op => {
  const value = RangeRequest.fromPartial({ key: utf8("key"), ...fields });
  return { request: { $case: "requestRange", value } };
};
const deleteOf = (fields: Partial<etcdserverpb.DeleteRangeRequest> = {}): Op => {
  const value = DeleteRangeRequest.fromPartial({ key: utf8("key"), ...fields });
  return { request: { $case: "requestDeleteRange", value } };
};
const plain = (txn: Partial<Txn>, opsMax = OPS_MAX) => plainTxnPutBytes(encode(txn), opsMax);

const TARGETS: Compare["targetUnion"][] = [
  ...[undefined, { $case: "version", value: -1 } as const],
  ...[
    { $case: "createRevision", value: 0 } as const,
    { $case: "lease", value: 2n ** 62n } as const,
  ],
  ...[{ $case: "modRevision", value: 5_000_000_000 } as const],
  { $case: "value", value: Buffer.alloc(300) } as const,
];

test("knows the transactions that clients send most", () => {
  for (const targetUnion of TARGETS) {
    for (const [result, target] of [
      [0, 0],
      [1, 3],
      [3, 1],
    ] as const) {
      const compare = [compareOf({ result, target, targetUnion })];
      expect(plain({ compare, success: [putOf()] })).toBe(8);
      expect(plain({ compare, success: [putOf()], failure: [rangeOf()] })).toBe(8);
      expect(plain({ compare, success: [deleteOf()], failure: [rangeOf()] })).toBe(0);
      expect(plain({ compare, failure: [deleteOf()] })).toBe(0);
      const larger = putOf({ value: Buffer.alloc(1_000) });
      expect(plain({ compare, success: [putOf()], failure: [larger] })).toBe(1_003);
    }
  }
});

test("leaves every other one to the decoder", () => {
  const success = [putOf()];
  const compare = [compareOf({})];
  const nested: Op = {
    request: { $case: "requestTxn", value: TxnRequest.fromPartial({ success }) },
  };
  const others: Partial<Txn>[] = [
    ...[{}, { compare }, { success: [rangeOf()] }, { compare, failure: [rangeOf()] }],
    ...[{ success: [putOf(), putOf()] }, { success: [putOf(), rangeOf()] }, { success: [nested] }],
    ...[{ success: [{ request: undefined }] }, { success: [putOf({ lease: 1n })] }],
    ...[{ success: [putOf({ key: utf8("") })] }, { success: [putOf({ ignoreValue: true })] }],
    ...[
      { success: [deleteOf({ rangeEnd: utf8("z") })] },
      { success: [deleteOf({ prevKv: true })] },
    ],
    ...[
      { success, failure: [rangeOf({ limit: 1 })] },
      { success, failure: [putOf({ lease: 1n })] },
    ],
    { success, compare: [compareOf({ key: utf8("") })] },
    { success, compare: [compareOf({ rangeEnd: utf8("z") })] },
    { success, compare: [...compare, ...compare, ...compare] },
  ];
  for (const txn of others) expect(plain(txn)).toBe(NOT_PLAIN);
  expect(plain({ success }, 0)).toBe(NOT_PLAIN);
  const whole = encode({ compare, success, failure: [rangeOf()] });
  expect(plainTxnPutBytes(Buffer.concat([whole, whole]), OPS_MAX)).toBe(NOT_PLAIN);
  expect(plainTxnPutBytes(Buffer.concat([whole, Buffer.from([0x20, 1])]), OPS_MAX)).toBe(NOT_PLAIN);
});

test("never says of damaged bytes what the decoder and the checks do not say", () => {
  const one = <Item>(items: readonly Item[]): Item => items[prng.below(items.length)]!;
  const some = <Item>(make: () => Item): Item[] => Array.from({ length: prng.below(3) }, make);
  const op = () => one([putOf, rangeOf, deleteOf])();
  let found = 0;
  for (let i = 0; i < 50_000; i++) {
    const message = encode({
      compare: some(() => compareOf({ result: one([0, 1, 2]), targetUnion: one(TARGETS) })),
      ...{ success: some(op), failure: some(op) },
    });
    // Tags, lengths near those in use, and the bounds of a varint's bytes.
    for (let changes = prng.below(4); changes > 0 && message.length > 0; changes--) {
      const bytes = [0, 1, 2, 3, 5, 8, 0x0a, 0x10, 0x12, 0x1a, 0x20, 0x3a, 0x40, 0x7f, 0x80, 0xff];
      message[prng.below(message.length)] = one(bytes);
    }
    const cut = prng.below(8) === 0 ? message.subarray(0, prng.below(message.length + 1)) : message;
    const bytes = plainTxnPutBytes(cut, OPS_MAX);
    if (bytes === NOT_PLAIN) continue;
    found++;
    const decoded = decodeTxnRequest(cut);
    validateTxn(decoded, OPS_MAX);
    expect(isReadOnlyTxn(decoded)).toBe(false);
    expect(txnCost(decoded)).toBe(bytes === 0 ? 0 : plainPutCost(bytes));
  }
  expect(found).toBeGreaterThan(2_000);
});
