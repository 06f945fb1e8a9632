import { createMemoryEngine, MemoryDisk } from "@kvorum/backends";
import { utf8 } from "@kvorum/base";
import { expect, test } from "vitest";
import { BatchCursor } from "./batch-cursor.js";
import { encodeRevisionKey } from "./revision-key.js";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { packedBackend } from "./testing/packed-backend.js";
import { deleteOf, op, plain, putOf, rangeOf, txnOf } from "./testing/requests.js";

const keys = [encodeRevisionKey(2 ** 40, 7), encodeRevisionKey(2 ** 40, 8, true)];
const values = [utf8("one"), utf8("")];
const bytes = Buffer.concat([utf8("--"), keys[0]!, values[0]!, keys[1]!, values[1]!]);

test.each([
  ["apart", { keys, values }],
  [
    "packed",
    {
      keys: [],
      values: [],
      packed: { count: 2, bytes, bounds: Uint32Array.of(2, 19, 22, 22, 40, 40, 0) },
    },
  ],
])("records that stand %s are told alike, in any order", (_, batch) => {
  const cursor = new BatchCursor(batch);
  expect(cursor.count).toBe(2);
  for (const i of [1, 0, 1]) {
    cursor.moveTo(i);
    expect([cursor.main, cursor.sub, cursor.isTombstone]).toEqual([2 ** 40, 7 + i, i === 1]);
    expect(cursor.keyText()).toBe(keys[i]!.toString("latin1"));
    expect([cursor.copyKey(), cursor.copyRecord()]).toEqual([keys[i], values[i]]);
  }
});

/** Everything that reads batches, on a store that has been closed and opened again. */
async function observed(disk: MemoryDisk, isPacked: boolean): Promise<unknown> {
  const open = async (): Promise<OpenedStore> => {
    const engine = await createMemoryEngine({ disk }).open({ directory: "/store" });
    const backend = isPacked ? packedBackend(engine) : engine;
    return openStore({ disk, buffer: { backend } });
  };
  let opened = await open();
  for (let i = 0; i < 40; i++) {
    opened.store.put(putOf(`k${i % 7}`, `${i}`));
    opened.store.txn(txnOf([op.put(putOf(`t${i % 3}`, "1")), op.put(putOf(`k${i % 5}`, "2"))]));
    if (i % 4 === 0) opened.store.deleteRange(deleteOf({ key: `k${i % 6}` }));
  }
  opened.buffered.put("lease", utf8("l"), utf8("7"));
  await opened.close();
  opened = await open();
  const { store, buffered } = opened;
  const history = await store.history(2, 1_000);
  const before = [await store.hashKv(0), await store.hash(), await buffered.entries("lease")];
  await store.compact(60).done;
  const after = [await store.hashKv(0), await store.hash(), store.compactionHashes()];
  const kvs = (await store.range(rangeOf({ key: "\0", rangeEnd: "\0" }))).kvs.map(plain);
  await opened.close();
  return { history, before, after, kvs };
}

test("a store over packed batches is that over others, and keeps no bytes of a batch", async () => {
  const expected = await observed(new MemoryDisk(), false);
  expect(await observed(new MemoryDisk(), true)).toEqual(expected);
});
