import { createMemoryEngine, MemoryDisk, type Op } from "@kvorum/backends";
import { utf8 } from "@kvorum/base";
import { expect, test } from "vitest";
import { encodeKeyValue } from "./key-value.js";
import { encodeRevisionKey } from "./revision-key.js";
import { FakeLeases, type OpenedStore, openStore } from "./testing/open-store.js";
import { plain, putOf, rangeOf } from "./testing/requests.js";

interface Written {
  readonly main: number;
  readonly sub?: number;
  /** Undefined writes an empty record. */
  readonly key: string | undefined;
  readonly create?: number;
  readonly version?: number;
  readonly lease?: bigint;
  readonly isTombstone?: boolean;
}

function opOf(written: Written): Op {
  const { main, sub = 0, key, create = main, version = 1, lease = 0n } = written;
  const { isTombstone = false } = written;
  const revisions = isTombstone
    ? { createRevision: 0, modRevision: 0, version: 0 }
    : { createRevision: create, modRevision: main, version };
  const value = utf8(isTombstone ? "" : `${main}`);
  const fields = { key: utf8(key ?? ""), ...revisions, value, lease };
  const record = key === undefined ? Buffer.alloc(0) : encodeKeyValue(fields);
  return { bucket: "key", key: encodeRevisionKey(main, sub, isTombstone), value: record };
}

/** A store over an engine that holds these records, as another program may have left them. */
async function openOver(
  written: readonly Written[],
  options: { readonly meta?: Readonly<Record<string, number>>; readonly leases?: FakeLeases } = {},
): Promise<OpenedStore> {
  const disk = new MemoryDisk();
  const backend = await createMemoryEngine({ disk }).open({ directory: "/store" });
  const meta = Object.entries(options.meta ?? {}).map(([key, main]): Op => {
    return { bucket: "meta", key: utf8(key), value: encodeRevisionKey(main, 0) };
  });
  await backend.commit([...written.map(opOf), ...meta]);
  await backend.close();
  return openStore({ disk, ...(options.leases && { leases: options.leases }) });
}

const all = { key: "\0", rangeEnd: "\0" };
const seen = async ({ store }: OpenedStore, revision = 0) =>
  (await store.range(rangeOf(all, { revision }))).kvs.map(plain);

test("versions and creations before a compaction are those of the oldest record left", async () => {
  const opened = await openOver([
    { main: 7, key: "a", create: 3, version: 4 },
    { main: 8, key: "b" },
    { main: 9, key: "a", create: 3, version: 5 },
  ]);
  const { store } = opened;
  const keysOnly = await store.range(rangeOf(all, { keysOnly: true, revision: 8 }));
  expect(keysOnly.kvs.map(plain)).toMatchObject([
    { key: "a", create: 3, mod: 7, version: 4 },
    { key: "b", create: 8, mod: 8, version: 1 },
  ]);
  store.put(putOf("a", "new"));
  expect(await seen(opened)).toMatchObject([{ create: 3, version: 6, mod: 10 }, { key: "b" }]);
  await opened.close();
});

test("tombstones end keys, whether the key is known or not", async () => {
  const opened = await openOver([
    { main: 4, key: "gone", isTombstone: true },
    { main: 5, key: "a" },
    { main: 6, key: "a", isTombstone: true },
    { main: 6, sub: 1, key: "b" },
    { main: 7, key: "a", isTombstone: true },
    { main: 8, key: "gone" },
  ]);
  expect((await seen(opened)).map(({ key }) => key)).toEqual(["b", "gone"]);
  expect((await seen(opened, 5)).map(({ key }) => key)).toEqual(["a"]);
  expect((await seen(opened, 7)).map(({ key }) => key)).toEqual(["b"]);
  expect(opened.store.stat().keys).toBe(2);
  await opened.close();
});

test.each([
  [{}, [-1, 5]],
  [{ finishedCompactRev: 4, scheduledCompactRev: 4 }, [4, 5]],
  [{ finishedCompactRev: 9, scheduledCompactRev: 9 }, [9, 9]],
  [{ scheduledCompactRev: 12 }, [12, 12]],
  [{ finishedCompactRev: 3, scheduledCompactRev: 5 }, [5, 5]],
])("revisions with %j", async (meta, expected) => {
  const opened = await openOver([{ main: 5, key: "a" }], { meta });
  const { store } = opened;
  await store.compactionsDone();
  expect([store.compactRevision, store.currentRevision]).toEqual(expected);
  await opened.close();
});

test("the empty record of etcdutl --bump-revision raises the revision", async () => {
  const opened = await openOver([
    { main: 5, key: "a" },
    { main: 1_000_000_005, key: undefined },
  ]);
  expect(opened.store.currentRevision).toBe(1_000_000_005);
  expect((await seen(opened)).map(({ key }) => key)).toEqual(["a"]);
  expect(opened.store.put(putOf("b", "1")).revision).toBe(1_000_000_006);
  await opened.close();
});

test("keys are attached to the lease of their newest record, if it exists", async () => {
  const leases = new FakeLeases();
  leases.grant(1n);
  leases.grant(2n);
  const opened = await openOver(
    [
      { main: 2, key: "a", lease: 1n },
      { main: 3, key: "b", lease: 1n },
      { main: 4, key: "c", lease: 9n },
      { main: 5, key: "b", create: 3, version: 2, lease: 2n },
      { main: 6, key: "d", lease: 1n },
      { main: 7, key: "d", isTombstone: true },
      { main: 8, key: "e", lease: 2n },
      { main: 9, key: "e", create: 8, version: 2 },
    ],
    { leases },
  );
  const attached = new Map([
    [1n, new Set(["a"])],
    [2n, new Set(["b"])],
  ]);
  expect(leases.keys).toEqual(attached);
  // The field stays, though nothing is attached; a put that ignores its lease carries it on.
  expect((await seen(opened)).map(({ lease }) => lease)).toEqual([1n, 2n, 9n, 0n]);
  opened.store.put(putOf("c", "new", { ignoreLease: true }));
  expect(leases.keys).toEqual(attached);
  expect(plain(opened.store.keyValueAt("c", 10)!).lease).toBe(9n);
  await opened.close();
});
