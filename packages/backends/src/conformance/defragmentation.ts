import assert from "node:assert/strict";
import type { DefragmentProgress, Op } from "../port.js";
import { type ConformanceContext, collect, collectNow, hex, isBackendError } from "./context.js";
import { noise, revisionKey } from "./model.js";

const RECORDS = 8_000;

export function testDefragmentation(context: ConformanceContext): void {
  context.test("defragmentation gives space back and keeps the data", async (engine, directory) => {
    const store = await engine.open({ directory });
    const ops: Op[] = [];
    for (let i = 0; i < RECORDS; i++) {
      ops.push({ bucket: "key", key: revisionKey(i, 0), value: noise(1_000, i) });
    }
    await store.commit(ops);
    const before = store.stat();
    await store.commit(ops.slice(0, RECORDS - 800).map((op): Op => ({ ...op, value: undefined })));
    const steps: DefragmentProgress[] = [];
    await store.defragment((progress) => steps.push(progress));
    assert.ok(steps.length > 0, "no progress was reported");
    assert.ok(steps.every(({ doneBytes, totalBytes }) => doneBytes <= totalBytes));
    const last = steps.at(-1)!;
    assert.equal(last.doneBytes, last.totalBytes);
    const after = store.stat();
    assert.ok(after.sizeBytes < before.sizeBytes / 2, `${before.sizeBytes} -> ${after.sizeBytes}`);
    const expected = ops.slice(RECORDS - 800).map(({ key, value }) => [hex(key), hex(value!)]);
    assert.deepEqual(await collectNow(store, "key"), expected);
    await store.close();
    if (!engine.capabilities.persistent) return;
    const again = await engine.open({ directory });
    assert.deepEqual(await collectNow(again, "key"), expected);
    await again.close();
  });

  context.testStore("commits, reads and views go on around a defragmentation", async (store) => {
    const ops: Op[] = [];
    for (let i = 0; i < RECORDS; i++) {
      ops.push({ bucket: "key", key: revisionKey(i, 0), value: noise(500, i) });
    }
    await store.commit(ops);
    await store.commit(ops.slice(0, RECORDS / 2).map((op): Op => ({ ...op, value: undefined })));
    const view = await store.view();
    let running = true;
    const defragmentation = store
      .defragment(() => {})
      .finally(() => {
        running = false;
      });
    let written = 0;
    while (running || written < 20) {
      written++;
      const value = Buffer.from(String(written));
      await store.commit([
        { bucket: "meta", key: Buffer.from("last"), value },
        { bucket: "lease", key: Buffer.from(String(written)), value },
      ]);
      assert.equal(hex(store.get("meta", Buffer.from("last"))!), hex(value));
    }
    await defragmentation;
    assert.equal((await collect(view, "key")).length, RECORDS / 2);
    assert.deepEqual(await collect(view, "meta"), []);
    await view.close();
    for (let i = 1; i <= written; i++) {
      assert.equal(store.get("lease", Buffer.from(String(i)))?.length, String(i).length);
    }
    assert.equal((await collectNow(store, "key")).length, RECORDS / 2);
  });

  context.test("closing the store ends a defragmentation", async (engine, directory) => {
    const store = await engine.open({ directory });
    const { ops, expected } = halfDeleted();
    await store.commit(ops);
    let closing: Promise<void> | undefined;
    const defragmentation = store.defragment(() => {
      closing ??= store.close();
    });
    const failure: unknown = await defragmentation.then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(closing !== undefined, "no progress was reported");
    await closing;
    // A small store may be done with its first step.
    if (failure !== undefined) assert.equal(isBackendError(failure) && failure.code, "CLOSED");
    await assert.rejects(
      store.defragment(() => {}),
      (error) => isBackendError(error) && error.code === "CLOSED",
    );
    if (!engine.capabilities.persistent) return;
    const again = await engine.open({ directory });
    assert.deepEqual(await collectNow(again, "key"), expected);
    await again.close();
  });

  context.testStore("what the caller throws ends a defragmentation alone", async (store) => {
    const { ops, expected } = halfDeleted();
    await store.commit(ops);
    let calls = 0;
    const defragmentation = store.defragment(() => {
      calls++;
      throw new Error("enough");
    });
    await assert.rejects(defragmentation);
    assert.equal(calls, 1);
    assert.deepEqual(await collectNow(store, "key"), expected);
    await store.commit([{ bucket: "meta", key: Buffer.of(1), value: Buffer.of(2) }]);
    await store.defragment(() => {});
    assert.deepEqual(await collectNow(store, "key"), expected);
  });
}

/** Puts, and deletions of the first half of them. */
function halfDeleted(): { readonly ops: readonly Op[]; readonly expected: [string, string][] } {
  const puts = Array.from({ length: RECORDS / 2 }, (_, i) => {
    return { bucket: "key", key: revisionKey(i, 0), value: noise(1_000, i) } as const;
  });
  const deletions = puts
    .slice(0, puts.length / 2)
    .map(({ bucket, key }): Op => ({ bucket, key, value: undefined }));
  const kept = puts.slice(puts.length / 2);
  return {
    ops: [...puts, ...deletions],
    expected: kept.map(({ key, value }) => [hex(key), hex(value)]),
  };
}
