import assert from "node:assert/strict";
import { BUCKETS } from "../port.js";
import { type ConformanceContext, collectNow, hex, isBackendError } from "./context.js";

export function testLifecycle(context: ConformanceContext): void {
  context.testStore("a new store is empty and has all buckets", async (store) => {
    for (const bucket of BUCKETS) {
      assert.equal(store.get(bucket, Buffer.of(1)), undefined);
      assert.deepEqual(await collectNow(store, bucket), []);
    }
  });

  context.test("capabilities of the store are those of the engine", async (engine, directory) => {
    const store = await engine.open({ directory });
    assert.deepEqual(store.capabilities, engine.capabilities);
    await store.close();
  });

  context.test(
    "a store that is opened again holds what was committed",
    async (engine, directory) => {
      if (!engine.capabilities.persistent) {
        return context.skip("opened again", "the engine is not persistent");
      }
      for (let round = 0; round < 3; round++) {
        const store = await engine.open({ directory });
        for (let i = 0; i < round; i++) {
          assert.equal(hex(store.get("meta", Buffer.of(i))!), hex(Buffer.of(i, i)));
        }
        await store.commit([
          { bucket: "meta", key: Buffer.of(round), value: Buffer.of(round, round) },
        ]);
        await store.close();
      }
    },
  );

  context.test("close waits for commits and is idempotent", async (engine, directory) => {
    const store = await engine.open({ directory });
    const commit = store.commit([{ bucket: "key", key: Buffer.of(1), value: Buffer.of(2) }]);
    await Promise.all([store.close(), commit]);
    await store.close();
  });

  context.test('a closed store answers "CLOSED"', async (engine, directory) => {
    const store = await engine.open({ directory });
    await store.close();
    const isClosed = (error: unknown): boolean => isBackendError(error) && error.code === "CLOSED";
    assert.throws(() => store.get("key", Buffer.of(1)), isClosed);
    await assert.rejects(
      store.commit([{ bucket: "key", key: Buffer.of(1), value: undefined }]),
      isClosed,
    );
    await assert.rejects(store.view(), isClosed);
    assert.throws(() => store.stat(), isClosed);
  });

  context.testStore("stat grows with the data", async (store) => {
    const before = store.stat();
    const value = Buffer.alloc(100_000);
    for (let i = 0; i < value.length; i++) value[i] = (i * i * 31) >> 3;
    for (let i = 0; i < 40; i++) {
      await store.commit([{ bucket: "key", key: Buffer.of(i), value }]);
    }
    const after = store.stat();
    assert.ok(after.sizeBytes > before.sizeBytes, "sizeBytes has not grown");
    assert.ok(after.sizeInUseBytes <= after.sizeBytes, "more is in use than there is");
    assert.ok(after.sizeInUseBytes > 0, "nothing is in use");
  });
}
