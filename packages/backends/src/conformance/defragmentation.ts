import assert from "node:assert/strict";
import type { DefragmentProgress, Op } from "../port.js";
import { type ConformanceContext, collect, collectNow, hex } from "./context.js";
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
}
