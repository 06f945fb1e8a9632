import { etcdserverpb, type RawResponse, type RawTxnResponse } from "@kvorum/api";
import { utf8 } from "@kvorum/base";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, op, plain, putOf, rangeOf, txnOf } from "./testing/requests.js";

const { Compare_CompareResult: Is, Compare_CompareTarget: Target } = etcdserverpb;

let opened: OpenedStore;
beforeEach(async () => {
  opened = await openStore();
  opened.leases.grant(5n);
  opened.store.put(putOf("a", "1", { lease: 5n })); // 2
  opened.store.put(putOf("b", "1")); // 3
  opened.store.put(putOf("b", "2")); // 4
});
afterEach(() => opened.close());

type Union = etcdserverpb.Compare["targetUnion"];

function compareOf(
  key: string,
  options: { target?: number; is?: number; with?: Union; rangeEnd?: string } = {},
): etcdserverpb.Compare {
  const { target = Target.VERSION, is: result = Is.EQUAL, with: targetUnion, rangeEnd } = options;
  return { key: utf8(key), rangeEnd: utf8(rangeEnd ?? ""), target, result, targetUnion };
}

const succeeds = (...compare: etcdserverpb.Compare[]): boolean =>
  opened.store.txn(txnOf([], { compare })).succeeded;
const version = (value: number): Union => ({ $case: "version", value });
const modRevision = (value: number): Union => ({ $case: "modRevision", value });

describe("compares", () => {
  test.each<[string, number, Union, number, boolean]>([
    ["b", Target.VERSION, version(2), Is.EQUAL, true],
    ["b", Target.VERSION, version(2), Is.NOT_EQUAL, false],
    ["b", Target.VERSION, version(1), Is.GREATER, true],
    ["b", Target.VERSION, version(3), Is.LESS, true],
    ["b", Target.CREATE, { $case: "createRevision", value: 3 }, Is.EQUAL, true],
    ["b", Target.MOD, modRevision(4), Is.EQUAL, true],
    ["b", Target.VALUE, { $case: "value", value: utf8("2") }, Is.EQUAL, true],
    ["b", Target.VALUE, { $case: "value", value: utf8("10") }, Is.GREATER, true],
    ["a", Target.LEASE, { $case: "lease", value: 5n }, Is.EQUAL, true],
    ["a", Target.LEASE, { $case: "lease", value: -5n }, Is.GREATER, true],
    // A union of another case counts as zero, an unknown target as equal, an unknown result as
    // true.
    ["b", Target.MOD, version(4), Is.EQUAL, false],
    ["b", Target.MOD, version(4), Is.GREATER, true],
    ["b", 77, modRevision(9), Is.EQUAL, true],
    ["b", Target.MOD, modRevision(9), 77, true],
    // A missing key is all zeros, except that it has no value.
    ["x", Target.VERSION, version(0), Is.EQUAL, true],
    ["x", Target.CREATE, { $case: "createRevision", value: 1 }, Is.LESS, true],
    ["x", Target.LEASE, undefined, Is.EQUAL, true],
    ["x", Target.VALUE, { $case: "value", value: utf8("") }, Is.EQUAL, false],
    ["x", Target.VALUE, { $case: "value", value: utf8("") }, Is.NOT_EQUAL, false],
  ])("%s by target %d with %o as %d", (key, target, union, is, expected) => {
    expect(succeeds(compareOf(key, { target, with: union, is }))).toBe(expected);
  });

  test("of a range hold for every key in it", () => {
    const above = (than: number, rangeEnd: string) =>
      compareOf("a", { target: Target.MOD, is: Is.GREATER, with: modRevision(than), rangeEnd });
    expect(succeeds(above(1, "\0"))).toBe(true);
    expect(succeeds(above(2, "\0"))).toBe(false);
    expect(succeeds(above(1, "c"), above(2, "c"))).toBe(false);
    expect(succeeds()).toBe(true);
  });

  test("of nested transactions see the state before any write", () => {
    const isMissing = compareOf("new", { with: version(0) });
    const nested = txnOf([op.put(putOf("yes", "1"))], {
      compare: [isMissing],
      failure: [op.put(putOf("no", "1"))],
    });
    const response = opened.store.txn(txnOf([op.put(putOf("new", "1")), op.txn(nested)]));
    expect((response.responses[1] as RawTxnResponse).succeeded).toBe(true);
    expect(opened.store.keyValueAt("yes", 5)).toBeDefined();
    expect(opened.store.keyValueAt("no", 5)).toBeUndefined();
  });
});

describe("operations", () => {
  test("see what came before them, at one revision with growing subs", () => {
    const { store, sink } = opened;
    sink.reset();
    const response = store.txn(
      txnOf([
        op.range(rangeOf({ key: "b" })),
        op.delete(deleteOf({ key: "nothing" })),
        op.put(putOf("b", "3", { prevKv: true })),
        op.range(rangeOf({ key: "a", rangeEnd: "z" })),
        op.txn(txnOf([op.delete(deleteOf({ key: "a" }, { prevKv: true }))])),
        op.delete(deleteOf({ key: "nothing" })),
        op.range(rangeOf({ key: "a" }, { revision: 4 })),
      ]),
    );
    const revisions = (responses: readonly RawResponse[]): number[] =>
      responses.map(({ revision }) => revision);
    expect(response.revision).toBe(5);
    expect(revisions(response.responses)).toEqual([4, 4, 5, 5, 5, 5, 5]);
    expect(response.responses[3]).toMatchObject({ count: 2 });
    expect(response.responses[6]).toMatchObject({ count: 1 });
    expect(store.currentRevision).toBe(5);
    const events = sink.told.flatMap((told) => told.events);
    expect(events.map(({ type, key, revision }) => [type, key, revision])).toEqual([
      ["put", "b", { main: 5, sub: 0 }],
      ["delete", "a", { main: 5, sub: 1 }],
    ]);
    expect(opened.leases.keys.get(5n)).toEqual(new Set());
  });

  test("that change nothing make no revision", () => {
    const { store, sink } = opened;
    sink.reset();
    const request = txnOf([op.delete(deleteOf({ key: "x" })), op.range(rangeOf({ key: "a" }))]);
    expect(store.txn(request).revision).toBe(4);
    expect([store.currentRevision, sink.told]).toEqual([4, []]);
  });

  test("a delete up to the end and a put of one of its keys follow each other", () => {
    const { store } = opened;
    store.txn(txnOf([op.delete(deleteOf({ key: "a", rangeEnd: "\0" })), op.put(putOf("a", "2"))]));
    const range = store.range(rangeOf({ key: "a", rangeEnd: "\0" }));
    expect(range).toMatchObject({ count: 1 });
    expect(plain(store.keyValueAt("a", 5)!)).toMatchObject({ create: 5, version: 1 });
  });
});

describe("refusals leave everything as it was", () => {
  const put = op.put(putOf("new", "1"));
  test.each<[string, etcdserverpb.RequestOp, string]>([
    ["a lease", op.put(putOf("c", "", { lease: 99n })), "requested lease not found"],
    ["a value", op.put(putOf("c", "", { ignoreValue: true })), "key not found"],
    ["a future", op.range(rangeOf({ key: "a" }, { revision: 5 })), "future revision"],
    ["a past", op.range(rangeOf({ key: "a" }, { revision: -2 })), "has been compacted"],
    ["nothing", { request: undefined }, "key not found"],
    ["nested", op.txn(txnOf([op.put(putOf("c", "", { lease: 99n }))])), "lease not found"],
    // The key that an earlier operation makes does not count.
    ["new", op.put(putOf("new", "", { ignoreLease: true })), "key not found"],
  ])("%s", (_, refused, message) => {
    const { store } = opened;
    expect(() => store.txn(txnOf([put, refused]))).toThrow(message);
    expect(store.currentRevision).toBe(4);
    expect(store.range(rangeOf({ key: "new" }))).toMatchObject({ count: 0 });
  });

  test("but not on the branch that is not taken", () => {
    const failure = [op.put(putOf("c", "", { lease: 99n }))];
    expect(opened.store.txn(txnOf([put], { failure })).succeeded).toBe(true);
  });
});

test("ranges only are read without a revision", () => {
  const { store } = opened;
  const request = txnOf([op.range(rangeOf({ key: "a" })), op.range(rangeOf({ key: "b" }))]);
  const response = store.readTxn(request);
  expect(response).toMatchObject({ revision: 4, succeeded: true });
  expect(response.responses.map((reply) => (reply as { count: number }).count)).toEqual([1, 1]);
  const old = txnOf([op.range(rangeOf({ key: "a" }, { revision: -1 }))]);
  expect(store.readTxn(old).responses[0]).toMatchObject({ count: 1 });
});
