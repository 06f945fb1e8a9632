import { crc32c } from "@node-rs/crc32";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CrcGatherer } from "./revision-hasher.js";
import { encodeRevisionKey } from "./revision-key.js";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, putOf } from "./testing/requests.js";

let opened: OpenedStore;
beforeEach(async () => {
  opened = await openStore();
});
afterEach(() => opened.close());

const hashes = async (revision: number) => {
  const { hash, compactRevision } = await opened.store.hashKv(revision);
  return [hash, compactRevision];
};

test("CRC-32C of etcd's check text", () => {
  const gather = new CrcGatherer();
  for (const digit of "123456789") gather.add(Buffer.from(digit));
  expect(gather.digest()).toBe(3808858755);
});

test("pieces larger than what is gathered count in their place", () => {
  const pieces = [1, 70_000, 5, 65_530, 65_536, 1].map((length, i) => Buffer.alloc(length, i));
  const gather = new CrcGatherer();
  for (const piece of pieces) gather.add(piece);
  expect(gather.digest()).toBe(crc32c(Buffer.concat(pieces)));
});

describe("HashKV", () => {
  test("is etcd's for two puts", async () => {
    opened.store.put(putOf("foo", "bar"));
    opened.store.put(putOf("foo2", "bar"));
    const expected = { hash: 3292633804, compactRevision: -1, hashRevision: 3, currentRevision: 3 };
    expect(await opened.store.hashKv(0)).toEqual(expected);
    expect(await opened.store.hashKv(3)).toEqual(expected);
    opened.store.put(putOf("foo3", "bar"));
    expect((await opened.store.hashKv(3)).hash).toBe(3292633804);
    expect((await opened.store.hashKv(4)).hash).not.toBe(3292633804);
  });

  test("refuses the future and the compacted; a negative revision counts nothing", async () => {
    const { store } = opened;
    for (let i = 0; i < 5; i++) store.put(putOf("a", `${i}`));
    await expect(store.hashKv(7)).rejects.toThrow("future revision");
    expect(await hashes(-3)).toEqual([crc32c(Buffer.from("key")), -1]);
    await store.compact(4).done;
    await expect(store.hashKv(3)).rejects.toThrow("has been compacted");
  });

  test("does not depend on whether members have compacted", async () => {
    const { store } = opened;
    for (let i = 0; i < 5; i++) store.put(putOf(`k${i % 2}`, `${i}`));
    store.deleteRange(deleteOf({ key: "k0" }));
    const { done } = store.compact(7);
    const running = await hashes(0);
    await done;
    await opened.close();
    opened = await openStore({ disk: opened.disk });
    expect(await hashes(0)).toEqual(running);
    // Revision 7 is a tombstone: the record is stored, and not counted.
    expect(running).toEqual([
      crc32c(
        Buffer.concat([
          Buffer.from("key"),
          encodeRevisionKey(5, 0),
          opened.store.keyValueAt("k1", 7)!,
        ]),
      ),
      7,
    ]);
  });

  test("answers a compacted revision from the hashes of the newest ten compactions", async () => {
    const { store } = opened;
    const before = new Map<number, unknown>();
    for (let i = 0; i < 12; i++) {
      store.put(putOf(`k${i % 3}`, `${i}`));
      store.put(putOf(`l${i % 4}`, `${i}`));
      before.set(store.currentRevision, await hashes(store.currentRevision));
      await store.compact(store.currentRevision).done;
    }
    const revisions = [...before.keys()];
    for (const revision of revisions.slice(2)) {
      expect(await hashes(revision)).toEqual(before.get(revision));
    }
    await expect(store.hashKv(revisions[1]!)).rejects.toThrow("compacted");
    expect(store.compactionHashes().map(({ revision }) => revision)).toEqual(revisions.slice(2));
  });
});

test("the hash of everything leaves out what belongs to the member", async () => {
  const { store, buffered } = opened;
  store.put(putOf("a", "1"));
  const { hash, revision } = await store.hash();
  expect(revision).toBe(2);
  buffered.put("meta", Buffer.from("term"), Buffer.from("5"));
  buffered.put("meta", Buffer.from("consistent_index"), Buffer.from("5"));
  expect((await store.hash()).hash).toBe(hash);
  buffered.put("meta", Buffer.from("confState"), Buffer.from("{}"));
  expect((await store.hash()).hash).not.toBe(hash);
});
