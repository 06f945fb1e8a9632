import { etcdserverpb, type RawRangeResponse } from "@kvorum/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { limits } from "./limits.js";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, plain, putOf, rangeOf } from "./testing/requests.js";

const { RangeRequest_SortOrder: Order, RangeRequest_SortTarget: By } = etcdserverpb;

let opened: OpenedStore;
/** create, mod, version and value are each in another order than the keys. */
beforeAll(async () => {
  opened = await openStore();
  const { store, leases } = opened;
  leases.grant(9n);
  store.put(putOf("c", "3")); // 2
  store.put(putOf("a", "2")); // 3
  store.put(putOf("b", "1", { lease: 9n })); // 4
  store.put(putOf("a", "2")); // 5
  store.put(putOf("c", "3")); // 6
  store.put(putOf("a", "2")); // 7
  store.put(putOf("x", "")); // 8
  store.deleteRange(deleteOf({ key: "x" })); // 9
});
afterAll(() => opened.close());

function read(options: Partial<etcdserverpb.RangeRequest> = {}): RawRangeResponse {
  const request = rangeOf({ key: "a", rangeEnd: "z" }, options);
  return opened.store.range(request) as RawRangeResponse;
}

const keys = (response: RawRangeResponse): string =>
  response.kvs.map((kv) => plain(kv).key).join("");

describe("order", () => {
  test.each([
    [By.KEY, "abc", "cba"],
    [By.VERSION, "bca", "acb"],
    [By.CREATE, "cab", "bac"],
    [By.MOD, "bca", "acb"],
    [By.VALUE, "bac", "cab"],
  ])("by target %d", (sortTarget, ascending, descending) => {
    expect(keys(read({ sortTarget, sortOrder: Order.ASCEND }))).toBe(ascending);
    expect(keys(read({ sortTarget, sortOrder: Order.DESCEND }))).toBe(descending);
    expect(keys(read({ sortTarget, sortOrder: Order.NONE }))).toBe(ascending);
  });

  test("without an order only the first keys beyond the limit are sorted", () => {
    const response = read({ sortTarget: By.VALUE, limit: 1 });
    expect([keys(response), response.more, response.count]).toEqual(["b", true, 3]);
    const create = read({ sortTarget: By.CREATE, limit: 1 });
    expect(keys(create)).toBe("a");
    expect(keys(read({ sortTarget: By.CREATE, sortOrder: Order.ASCEND, limit: 1 }))).toBe("c");
  });
});

describe("limit, count and more", () => {
  test.each([
    [{ limit: 2 }, "ab", true, 3],
    [{ limit: 3 }, "abc", false, 3],
    [{ limit: -5 }, "abc", false, 3],
    [{ limit: Number.MAX_SAFE_INTEGER }, "abc", false, 3],
    [{ limit: 1, sortOrder: Order.DESCEND }, "c", true, 3],
    [{ limit: 1, countOnly: true, minModRevision: 7 }, "", false, 3],
    [{ minModRevision: 6 }, "ac", false, 3],
    [{ maxModRevision: 6 }, "bc", false, 3],
    [{ minCreateRevision: 3 }, "ab", false, 3],
    [{ maxCreateRevision: 3, limit: 1 }, "a", true, 3],
    [{ revision: 2 }, "c", false, 1],
    [{ revision: 8 }, "abcx", false, 4],
  ])("%j", (options, expected, more, count) => {
    const response = read(options);
    expect([keys(response), response.more, response.count]).toEqual([expected, more, count]);
    expect(response.revision).toBe(9);
  });
});

describe("keys_only", () => {
  const b = { key: "b", create: 4, mod: 4, version: 1, value: "", lease: 0n };

  test("comes from the index, without the lease", () => {
    expect(plain(read({ keysOnly: true }).kvs[1]!)).toEqual(b);
    const one = opened.store.range(rangeOf({ key: "b" }, { keysOnly: true })) as RawRangeResponse;
    expect(one.kvs.map(plain)).toEqual([b]);
  });

  test("comes from the records when they are sorted by value, with the lease", () => {
    const options = { keysOnly: true, sortTarget: By.VALUE };
    expect(plain(read(options).kvs[0]!)).toEqual({ ...b, lease: 9n });
    const one = opened.store.range(rangeOf({ key: "b" }, options)) as RawRangeResponse;
    expect(one.kvs.map(plain)).toEqual([{ ...b, lease: 9n }]);
  });
});

describe("which keys", () => {
  test.each([
    ["a", "", "a"],
    ["a", "b", "a"],
    ["b", "a", ""],
    ["b", "b", ""],
    ["b", "\0", "bc"],
    ["\0", "\0", "abc"],
    ["zz", "\0", ""],
  ])("from %j to %j", (key, rangeEnd, expected) => {
    expect(keys(opened.store.range(rangeOf({ key, rangeEnd })) as RawRangeResponse)).toBe(expected);
  });

  test("a revision to come is refused", () => {
    expect(() => read({ revision: 10 })).toThrow("future revision");
  });
});

describe("a long range", () => {
  const total = limits.rangeChunkUnits / limits.rangeFetchUnits + 200;
  let long: OpenedStore;
  beforeAll(async () => {
    long = await openStore();
    for (let i = 0; i < total; i++) {
      long.store.put(putOf(`k${String(i).padStart(6, "0")}`, `${(i * 7919) % total}`));
    }
  });
  afterAll(() => long.close());

  test.each([
    {},
    { sortTarget: By.VALUE, sortOrder: Order.DESCEND },
    { sortTarget: By.MOD, sortOrder: Order.DESCEND, limit: total - 1 },
    { keysOnly: true },
    { minModRevision: 100 },
  ])("takes several turns and is whole: %j", async (options) => {
    const request = rangeOf({ key: "k", rangeEnd: "l" }, options);
    const reply = long.store.range(request);
    expect(reply).toBeInstanceOf(Promise);
    const { kvs, count } = await reply;
    const wanted = options.limit ?? (options.minModRevision === undefined ? total : total - 98);
    expect([kvs.length, count]).toEqual([wanted, total]);
    const decoded = kvs.map(plain);
    if (options.sortTarget === By.MOD) expect(decoded[0]!.mod).toBe(total + 1);
    else if (options.sortTarget === By.VALUE) {
      const values = decoded.map(({ value }) => value);
      expect(values).toEqual(values.toSorted().reverse());
    }
    if (options.sortTarget === undefined)
      expect(decoded.at(-1)!.key).toBe(`k${String(total - 1).padStart(6, "0")}`);
  });

  test("is read in one go when little is fetched", () => {
    const request = rangeOf({ key: "k", rangeEnd: "l" }, { limit: 10 });
    expect(long.store.range(request)).toMatchObject({ count: total, more: true });
  });
});
