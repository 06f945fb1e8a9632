import type { RawRangeResponse } from "@kvorum/api";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, op, plain, putOf, rangeOf, txnOf } from "./testing/requests.js";

let opened: OpenedStore;
beforeEach(async () => {
  opened = await openStore();
});
afterEach(() => opened.close());

function get(key: string, revision = 0): RawRangeResponse {
  return opened.store.range(rangeOf({ key }, { revision })) as RawRangeResponse;
}

describe("a fresh store", () => {
  test("is at revision 1 and was never compacted", () => {
    expect(opened.store.currentRevision).toBe(1);
    expect(opened.store.compactRevision).toBe(-1);
    expect(get("a")).toEqual({ kind: "range", revision: 1, kvs: [], more: false, count: 0 });
  });
});

describe("put", () => {
  test("counts versions from creation to deletion", () => {
    const { store } = opened;
    expect(store.put(putOf("a", "1")).revision).toBe(2);
    store.put(putOf("a", "2"));
    store.deleteRange(deleteOf({ key: "a" }));
    store.put(putOf("a", "3"));
    const at = (revision: number) => get("a", revision).kvs.map(plain);
    expect(at(2)).toEqual([{ key: "a", create: 2, mod: 2, version: 1, value: "1", lease: 0n }]);
    expect(at(3)).toEqual([{ key: "a", create: 2, mod: 3, version: 2, value: "2", lease: 0n }]);
    expect(at(4)).toEqual([]);
    expect(at(5)).toEqual([{ key: "a", create: 5, mod: 5, version: 1, value: "3", lease: 0n }]);
  });

  test("reaches the index after a compaction has replaced what it held of the key", async () => {
    const { store } = opened;
    store.put(putOf("a", "1"));
    store.deleteRange(deleteOf({ key: "a" }));
    store.put(putOf("a", "2"));
    await store.compact(4).done;
    store.put(putOf("a", "3"));
    expect(get("a", 4).kvs.map(plain)).toMatchObject([{ mod: 4, version: 1, value: "2" }]);
    const { kvs } = store.range(rangeOf({ key: "a", rangeEnd: "b" })) as RawRangeResponse;
    expect(kvs.map(plain)).toMatchObject([{ create: 4, mod: 5, version: 2, value: "3" }]);
    expect(store.stat().keys).toBe(1);
  });

  test("answers with the previous KeyValue only if there was one", () => {
    const { store } = opened;
    expect(store.put(putOf("a", "1", { prevKv: true })).prevKv).toBeUndefined();
    expect(plain(store.put(putOf("a", "2", { prevKv: true })).prevKv!).value).toBe("1");
  });

  test("keeps the old value or lease when told to ignore the new one", () => {
    const { store, leases } = opened;
    leases.grant(7n);
    store.put(putOf("a", "1", { lease: 7n }));
    store.put(putOf("a", "", { ignoreValue: true }));
    expect(plain(get("a").kvs[0]!)).toMatchObject({ value: "1", lease: 0n });
    expect(leases.keys.get(7n)).toEqual(new Set());
    store.put(putOf("a", "2", { lease: 7n }));
    store.put(putOf("a", "3", { ignoreLease: true }));
    expect(plain(get("a").kvs[0]!)).toMatchObject({ value: "3", lease: 7n });
    expect(leases.keys.get(7n)).toEqual(new Set(["a"]));
  });

  test("refuses an unknown lease and a missing key without making a revision", () => {
    const { store } = opened;
    expect(() => store.put(putOf("a", "1", { lease: 9n }))).toThrow("requested lease not found");
    expect(() => store.put(putOf("a", "", { ignoreValue: true }))).toThrow("key not found");
    expect(store.currentRevision).toBe(1);
  });
});

describe("the watch sink", () => {
  test("is told of revisions alone while nobody watches, and events count all the same", () => {
    const { store, sink } = opened;
    sink.isWatched = false;
    store.put(putOf("a", "1"));
    store.put(putOf("b", "1"));
    store.deleteRange(deleteOf({ key: "a", rangeEnd: "\0" }));
    store.deleteRange(deleteOf({ key: "a" }));
    sink.isWatched = true;
    store.put(putOf("a", "2"));
    expect(sink.quiet).toEqual([2, 3, 4]);
    expect(sink.told.map(({ main }) => main)).toEqual([5]);
    expect(store.stat().events).toBe(5);
  });
});

describe("deleteRange", () => {
  test("deletes in key order within one revision and tells each tombstone", () => {
    const { store, sink } = opened;
    for (const key of ["c", "a", "b", "d"]) store.put(putOf(key, key));
    sink.reset();
    const response = store.deleteRange(deleteOf({ key: "a", rangeEnd: "d" }, { prevKv: true }));
    expect(response).toMatchObject({ deleted: 3, revision: 6 });
    expect(response.prevKvs.map((kv) => plain(kv).key)).toEqual(["a", "b", "c"]);
    expect(sink.told).toHaveLength(1);
    expect(sink.told[0]!.events.map(({ key, revision }) => [key, revision.sub])).toEqual([
      ["a", 0],
      ["b", 1],
      ["c", 2],
    ]);
    expect(plain(sink.told[0]!.events[0]!.kv)).toMatchObject({ key: "a", mod: 6, create: 0 });
  });

  test("makes no revision when nothing is there", () => {
    const response = opened.store.deleteRange(deleteOf({ key: "a", rangeEnd: "\0" }));
    expect(response).toMatchObject({ deleted: 0, revision: 1 });
    expect(opened.sink.told).toEqual([]);
  });

  test("an inverted or empty range holds nothing, an open one everything above", () => {
    const { store } = opened;
    for (const key of ["a", "b", "c"]) store.put(putOf(key, key));
    expect(store.deleteRange(deleteOf({ key: "b", rangeEnd: "a" })).deleted).toBe(0);
    expect(store.deleteRange(deleteOf({ key: "b", rangeEnd: "b" })).deleted).toBe(0);
    expect(store.deleteRange(deleteOf({ key: "b", rangeEnd: "\0" })).deleted).toBe(2);
  });
});

describe("flush", () => {
  test("a reopened store has the same records, leases and revision", async () => {
    const { store, leases, disk } = opened;
    leases.grant(-5n);
    store.put(putOf("a", "1", { lease: -5n }));
    store.put(putOf("b", "1", { lease: -5n }));
    store.put(putOf("b", "2"));
    store.txn(txnOf([op.put(putOf("c", "1")), op.put(putOf("d", "1"))]));
    store.deleteRange(deleteOf({ key: "c" }));
    const before = store.range(rangeOf({ key: "\0", rangeEnd: "\0" }));
    await opened.close();
    leases.keys.clear();
    leases.grant(-5n);
    opened = await openStore({ disk, leases });
    expect(opened.store.range(rangeOf({ key: "\0", rangeEnd: "\0" }))).toEqual(before);
    expect(opened.store.currentRevision).toBe(6);
    expect(leases.keys.get(-5n)).toEqual(new Set(["a"]));
    expect(get("c", 5).count).toBe(1);
    expect(get("c", 6).count).toBe(0);
  });
});
