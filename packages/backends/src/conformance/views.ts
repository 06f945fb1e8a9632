import assert from "node:assert/strict";
import type { Backend, Op } from "../port.js";
import { type ConformanceContext, collect, hex, isBackendError } from "./context.js";
import { revisionKey } from "./model.js";

export function testViews(context: ConformanceContext): void {
  context.testStore("a view doesn't show later commits", async (store) => {
    await store.commit(generation(1, 9_000));
    const view = await store.view();
    const seen: string[] = [];
    for await (const { values } of view.scan("key")) {
      seen.push(...values.map(hex));
      await store.commit(generation(2, 9_000));
      await store.commit([{ bucket: "key", key: revisionKey(8_999, 0), value: undefined }]);
    }
    assert.equal(seen.length, 9_000);
    assert.deepEqual(new Set(seen), new Set([hex(valueOfGeneration(1))]));
    assert.equal(hex(store.get("key", revisionKey(0, 0))!), hex(valueOfGeneration(2)));
    assert.equal(store.get("key", revisionKey(8_999, 0)), undefined);
    await view.close();
  });

  context.testStore("several views show several moments, at the same time", async (store) => {
    const views = [];
    for (let i = 0; i < 5; i++) {
      await store.commit(generation(i, 100));
      views.push(await store.view());
    }
    const scans = await Promise.all(
      views.flatMap((view) => [collect(view, "key"), collect(view, "key")]),
    );
    scans.forEach((records, i) => {
      const expected = hex(valueOfGeneration(Math.floor(i / 2)));
      assert.equal(records.length, 100);
      assert.ok(records.every(([, value]) => value === expected));
    });
    for (const view of views.reverse()) await view.close();
  });

  context.testStore("a view holds each commit wholly or not at all", async (store) => {
    await store.commit(generation(0, 300));
    let running = true;
    const writer = writeGenerations(store, () => running);
    for (let i = 0; i < 30; i++) {
      const view = await store.view();
      const records = await collect(view, "key");
      await view.close();
      assert.equal(records.length, 300);
      assert.equal(new Set(records.map(([, value]) => value)).size, 1, "parts of two commits");
    }
    running = false;
    await writer;
  });

  context.testStore("a view that is taken after a commit settled shows it", async (store) => {
    for (let i = 0; i < 20; i++) {
      await store.commit(generation(i, 5));
      const view = await store.view();
      const records = await collect(view, "key");
      assert.ok(records.every(([, value]) => value === hex(valueOfGeneration(i))));
      await view.close();
    }
  });

  context.testStore("a closed view stops its scans; close is idempotent", async (store) => {
    await store.commit(generation(1, 9_000));
    const view = await store.view();
    const scan = view.scan("key")[Symbol.asyncIterator]();
    assert.equal((await scan.next()).done, false);
    await view.close();
    await view.close();
    await assert.rejects(async () => {
      while (!(await scan.next()).done);
    }, isBackendError);
    await assert.rejects(async () => {
      for await (const _ of view.scan("key"));
    }, isBackendError);
  });

  context.test("closing the store ends its views", async (engine, directory) => {
    const store = await engine.open({ directory });
    await store.commit(generation(1, 10));
    const view = await store.view();
    await store.close();
    await assert.rejects(collect(view, "key"), isBackendError);
    await view.close();
  });
}

async function writeGenerations(store: Backend, running: () => boolean): Promise<void> {
  for (let i = 1; running(); i++) await store.commit(generation(i, 300));
}

function generation(number: number, count: number): Op[] {
  const ops: Op[] = [];
  for (let i = 0; i < count; i++) {
    ops.push({ bucket: "key", key: revisionKey(i, 0), value: valueOfGeneration(number) });
  }
  return ops;
}

function valueOfGeneration(generation: number): Buffer {
  return Buffer.alloc(50, generation);
}
