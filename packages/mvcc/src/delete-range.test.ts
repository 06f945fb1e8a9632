import type { RawRangeResponse } from "@kvorum/api";
import { createPrng } from "@kvorum/base";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FakeLeases, type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, op, plain, putOf, rangeOf, txnOf } from "./testing/requests.js";

/** Enough for an index of many nodes. */
const KEYS = 3_000;
const LEASE = 5n;
const ALL = { key: "\0", rangeEnd: "\0" };

let opened: OpenedStore;
/** The keys that exist, in order, each with its newest value. */
let values: Map<string, string>;

/** Keys put once, keys with several versions, deleted ones, put again ones, some with a lease. */
beforeEach(async () => {
  const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  opened = await openStore();
  opened.leases.grant(LEASE);
  const { store } = opened;
  const found: [string, string][] = [];
  for (let i = 0; i < KEYS; i++) {
    const key = `k${String(i).padStart(5, "0")}`;
    const puts = 1 + prng.below(3);
    const lease = prng.below(10) === 0 ? LEASE : 0n;
    for (let put = 0; put < puts; put++) store.put(putOf(key, `${i}.${put}`, { lease }));
    const fate = prng.below(10);
    if (fate < 2) store.deleteRange(deleteOf({ key }));
    if (fate === 1) store.put(putOf(key, "again"));
    if (fate !== 0) found.push([key, fate === 1 ? "again" : `${i}.${puts - 1}`]);
  }
  values = new Map(found);
});
afterEach(() => opened.close());

async function read(from: OpenedStore, revision = 0): Promise<RawRangeResponse> {
  return from.store.range(rangeOf(ALL, { revision }));
}

const attached = ({ keys }: FakeLeases): number => keys.get(LEASE)!.size;

test("deletes every key of an index of many nodes, as one revision", async () => {
  const { store, sink, leases } = opened;
  const before = store.currentRevision;
  sink.told.length = 0;
  const response = store.deleteRange(deleteOf(ALL, { prevKv: true }));
  expect(response.deleted).toBe(values.size);
  expect(response.prevKvs.map((kv) => [plain(kv).key, plain(kv).value])).toEqual([...values]);
  expect(store.stat()).toMatchObject({ keys: 0, currentRevision: before + 1 });
  expect(attached(leases)).toBe(0);
  expect(sink.told).toHaveLength(1);
  const zero = { create: 0, mod: before + 1, version: 0, value: "", lease: 0n };
  expect(sink.told[0]!.events.map(({ kv, ...event }) => ({ ...event, kv: plain(kv) }))).toEqual(
    [...values.keys()].map((key, sub) => ({
      ...{ type: "delete", key, isCreate: false, kv: { ...zero, key } },
      revision: { main: before + 1, sub },
    })),
  );
  const old = await read(opened, before);
  expect(old.kvs.map((kv) => [plain(kv).key, plain(kv).value])).toEqual([...values]);
});

test("leaves the keys before and behind the range, also after a restart", async () => {
  const { store, disk } = opened;
  const kept = [...values].filter(([key]) => key < "k00700" || key >= "k02100");
  const range = { key: "k00700", rangeEnd: "k02100" };
  expect(store.deleteRange(deleteOf(range)).deleted).toBe(values.size - kept.length);
  store.put(putOf("k01000", "new"));
  kept.push(["k01000", "new"]);
  kept.sort(([left], [right]) => (left < right ? -1 : 1));
  const { hash } = await store.hashKv(0);
  for (const isReopened of [false, true]) {
    if (isReopened) {
      await opened.close();
      opened = await openStore({ disk });
    }
    const { kvs } = await read(opened);
    expect(kvs.map((kv) => [plain(kv).key, plain(kv).value])).toEqual(kept);
    expect(opened.store.stat().keys).toBe(kept.length);
  }
  expect((await opened.store.hashKv(0)).hash).toBe(hash);
});

test("deletions of one transaction share its subs, and see each other", async () => {
  const { store } = opened;
  const before = store.currentRevision;
  const parts = [deleteOf({ key: "k", rangeEnd: "k01500" }), deleteOf(ALL), deleteOf(ALL)];
  const { responses } = store.txn(txnOf([op.put(putOf("a", "1")), ...parts.map(op.delete)]));
  const first = [...values.keys()].filter((key) => key < "k01500").length;
  const deleted = responses.map((part) => (part.kind === "deleteRange" ? part.deleted : -1));
  // The second one deletes what was put first, too.
  expect(deleted).toEqual([-1, first, values.size - first + 1, 0]);
  const { revisions } = await store.history(before + 1, 10);
  const subs = revisions[0]!.events.map(({ revision }) => revision.sub);
  expect(subs).toEqual(Array.from({ length: values.size + 2 }, (_, sub) => sub));
  await store.compact(store.currentRevision).done;
  store.put(putOf("k00001", "back"));
  expect((await read(opened)).kvs.map((kv) => plain(kv).version)).toEqual([1]);
});
