import { etcdserverpb } from "@kvorum/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, plain, putOf, rangeOf } from "./testing/requests.js";

const { RangeRequest_SortTarget: SortTarget } = etcdserverpb;

let opened: OpenedStore;
beforeEach(async () => {
  opened = await openStore();
  for (let i = 0; i < 100; i++) opened.store.put(putOf(`k${100 + i}`, "x".repeat(50)));
});
afterEach(() => opened.close());

const all = { key: "k", rangeEnd: "l" };

test("chunks double while they are small and halve when they are large", () => {
  const sizes = (requestBytesMax: number): number[] =>
    [...opened.store.rangeChunks(rangeOf(all), requestBytesMax)].map(({ kvs }) => kvs.length);
  expect(sizes(1e6)).toEqual([10, 20, 40, 30]);
  // Ten keys are about 650 bytes: within a half and the double of 600.
  expect(sizes(600)).toEqual(Array.from({ length: 10 }, () => 10));
  expect(sizes(100).slice(0, 4)).toEqual([10, 5, 2, 2]);
});

test("only the last chunk has the revision, more and the count", () => {
  const chunks = [...opened.store.rangeChunks(rangeOf(all, { limit: 30 }), 1e6)];
  expect(chunks.map(({ last }) => last)).toEqual([
    undefined,
    { revision: 101, more: true, count: 100 },
  ]);
  expect(chunks.flatMap(({ kvs }) => kvs).length).toBe(30);
});

test("stays at the revision of its first chunk, whatever is written and compacted", async () => {
  const { store } = opened;
  const chunks = store.rangeChunks(rangeOf(all), 1e6);
  const first = chunks.next();
  store.deleteRange(deleteOf(all));
  store.put(putOf("k500", "new"));
  const { done } = store.compact(store.currentRevision);
  const rest = [...chunks];
  const kvs = [...(first.done ? [] : first.value.kvs), ...rest.flatMap((chunk) => chunk.kvs)];
  expect(kvs.map((kv) => plain(kv).key)).toEqual(
    Array.from({ length: 100 }, (_, i) => `k${100 + i}`),
  );
  expect(rest.at(-1)!.last).toEqual({ revision: 101, more: false, count: 100 });
  await done;
});

test("one that is given up lets compactions go on", async () => {
  const { store } = opened;
  const chunks = store.rangeChunks(rangeOf(all, { revision: 50 }), 1e6);
  chunks.next();
  const { done } = store.compact(101);
  chunks.return();
  await done;
});

test("counts, single keys, keys only and nothing", () => {
  const { store } = opened;
  const run = (...request: Parameters<typeof rangeOf>) => [
    ...store.rangeChunks(rangeOf(...request), 1e6),
  ];
  expect(run(all, { countOnly: true })).toEqual([
    { kvs: [], last: { revision: 101, more: false, count: 100 } },
  ]);
  expect(run({ key: "k107" })[0]!.kvs.map((kv) => plain(kv).key)).toEqual(["k107"]);
  expect(run({ key: "z", rangeEnd: "\0" })).toEqual([
    { kvs: [], last: { revision: 101, more: false, count: 0 } },
  ]);
  expect(run(all, { limit: -1 })).toHaveLength(1);
  expect(plain(run(all, { keysOnly: true })[0]!.kvs[0]!)).toMatchObject({ value: "", version: 1 });
});

test("a sort target without an order sorts the whole range, in one chunk", () => {
  const { store } = opened;
  const last = store.put(putOf("k105", "a"));
  const run = (limit: number) => [
    ...store.rangeChunks(rangeOf(all, { sortTarget: SortTarget.MOD, limit }), 1e6),
  ];
  const [whole, ...more] = run(0);
  expect(more).toEqual([]);
  expect(whole!.kvs.map((kv) => plain(kv).key).at(-1)).toBe("k105");
  expect(whole!.last).toEqual({ revision: last.revision, more: false, count: 100 });
  expect(run(30)[0]!.last).toEqual({ revision: last.revision, more: true, count: 100 });
});

test("refuses orders and filters", () => {
  const { store } = opened;
  const run = (options: Parameters<typeof rangeOf>[1]) => () => [
    ...store.rangeChunks(rangeOf(all, options), 1e6),
  ];
  expect(run({ sortOrder: 2 })).toThrow("RangeStream does not support custom sort orders");
  expect(run({ sortOrder: 1, sortTarget: 1 })).toThrow("custom sort orders");
  expect(run({ minModRevision: 1 })).toThrow("RangeStream does not support revision filters");
  expect(run({ sortOrder: 1 })()).toHaveLength(4);
});
