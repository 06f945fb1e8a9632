import assert from "node:assert/strict";
import type { Op } from "../port.js";
import { BUCKETS } from "../port.js";
import { type ConformanceContext, collectNow, hex } from "./context.js";
import { noise, revisionKey } from "./model.js";

const A = Buffer.from("a");

export function testCommits(context: ConformanceContext): void {
  context.testStore("the same key in ten buckets is ten records", async (store) => {
    await store.commit(BUCKETS.map((bucket, i) => ({ bucket, key: A, value: Buffer.of(i) })));
    BUCKETS.forEach((bucket, i) => {
      assert.equal(hex(store.get(bucket, A)!), hex(Buffer.of(i)));
    });
  });

  context.testStore("an empty value is a value", async (store) => {
    await store.commit([{ bucket: "alarm", key: A, value: Buffer.alloc(0) }]);
    assert.equal(store.get("alarm", A)?.length, 0);
    assert.deepEqual(await collectNow(store, "alarm"), [[hex(A), ""]]);
  });

  context.testStore("operations apply in order: the last on a key wins", async (store) => {
    const op = (value: Buffer | undefined): Op => ({ bucket: "meta", key: A, value });
    await store.commit([op(Buffer.of(1)), op(Buffer.of(2)), op(undefined), op(Buffer.of(3))]);
    assert.equal(hex(store.get("meta", A)!), "03");
    await store.commit([op(Buffer.of(4)), op(undefined)]);
    assert.equal(store.get("meta", A), undefined);
  });

  context.testStore("deleting what isn't there is no error", async (store) => {
    await store.commit([
      { bucket: "lease", key: A, value: undefined },
      { bucket: "lease", key: Buffer.from("b"), value: A },
    ]);
    assert.deepEqual(await collectNow(store, "lease"), [["62", "61"]]);
  });

  context.testStore("an empty commit resolves", (store) => store.commit([]));

  context.testStore("commits apply in the order of the calls", async (store) => {
    const commits: Promise<void>[] = [];
    for (let i = 0; i < 200; i++) {
      commits.push(store.commit([{ bucket: "meta", key: A, value: Buffer.of(i) }]));
    }
    await Promise.all(commits);
    assert.equal(hex(store.get("meta", A)!), hex(Buffer.of(199)));
  });

  context.testStore("a commit that settled is seen by get at once", async (store) => {
    for (let i = 0; i < 50; i++) {
      await store.commit([{ bucket: "meta", key: A, value: Buffer.of(i) }]);
      assert.equal(hex(store.get("meta", A)!), hex(Buffer.of(i)));
    }
  });

  context.testStore("the bytes are the caller's again once a commit settled", async (store) => {
    const value = Buffer.alloc(500, 1);
    const key = revisionKey(1, 0);
    await store.commit([{ bucket: "key", key, value }]);
    value.fill(9);
    key.fill(9);
    assert.equal(hex(store.get("key", revisionKey(1, 0))!), hex(Buffer.alloc(500, 1)));
  });

  context.testStore("what get returned stays as it is while others read", async (store) => {
    const ops: Op[] = [];
    for (let i = 0; i < 20; i++) {
      ops.push({ bucket: "key", key: revisionKey(i, 0), value: Buffer.alloc(300, i) });
    }
    await store.commit(ops);
    const values = ops.map(({ key }) => store.get("key", key)!);
    values.forEach((value, i) => {
      assert.equal(hex(value), hex(Buffer.alloc(300, i)));
    });
  });

  context.testStore("parts of larger memory are taken as they are cut", async (store) => {
    const memory = noise(4_096, 7);
    const key = memory.subarray(100, 117);
    const value = new Uint8Array(memory.buffer, memory.byteOffset + 1_001, 999);
    await store.commit([{ bucket: "key", key: new Uint8Array(key), value }]);
    assert.equal(hex(store.get("key", key)!), hex(value));
  });

  testSizes(context);
}

function testSizes(context: ConformanceContext): void {
  context.testStore("values up to 1.5 MiB and beyond", async (store) => {
    const sizes = [1, 255, 256, 4_095, 4_096, 65_536, 1_572_864, 5_000_000];
    const ops = sizes.map(
      (size, i): Op => ({ bucket: "key", key: revisionKey(i, 0), value: noise(size, size) }),
    );
    await store.commit(ops);
    for (const { key, value } of ops) {
      assert.ok(Buffer.compare(store.get("key", key)!, value!) === 0, `${value!.length} bytes`);
    }
    const records = await collectNow(store, "key");
    assert.deepEqual(
      records.map(([, value]) => value.length / 2),
      sizes,
    );
  });

  context.testStore("keys up to 32,768 bytes, also with a common head", async (store) => {
    const heads = [1, 500, 1_024, 1_025, 1_978, 1_979, 4_096, 32_767, 32_768];
    const keys = heads.map((length) => Buffer.alloc(length, 0x61));
    for (const tail of ["x", "y", "a"]) {
      for (const length of [600, 1_500, 30_000]) {
        keys.push(Buffer.concat([Buffer.alloc(length, 0x61), Buffer.from(tail)]));
      }
    }
    const unique = [...new Map(keys.map((key) => [hex(key), key])).values()];
    await store.commit(
      unique.map((key, i): Op => ({ bucket: "authUsers", key, value: Buffer.of(i) })),
    );
    unique.forEach((key, i) => {
      assert.equal(hex(store.get("authUsers", key)!), hex(Buffer.of(i)), `${key.length} bytes`);
    });
    const sorted = unique.map(hex).sort();
    const scanned = await collectNow(store, "authUsers");
    assert.deepEqual(
      scanned.map(([key]) => key),
      sorted,
    );
    const [start, end] = [sorted[3]!, sorted.at(-3)!].map((text) => Buffer.from(text, "hex"));
    const part = await collectNow(store, "authUsers", { start, end });
    assert.deepEqual(
      part.map(([key]) => key),
      sorted.slice(3, -3),
    );
    await store.commit(unique.map((key): Op => ({ bucket: "authUsers", key, value: undefined })));
    assert.deepEqual(await collectNow(store, "authUsers"), []);
  });

  context.testStore("a commit of 20,000 records", async (store) => {
    const ops: Op[] = [];
    for (let i = 0; i < 20_000; i++) {
      ops.push({ bucket: "key", key: revisionKey(i, 0), value: Buffer.alloc(30, i) });
    }
    await store.commit(ops);
    for (const i of [0, 1, 9_999, 19_999]) {
      assert.equal(hex(store.get("key", revisionKey(i, 0))!), hex(Buffer.alloc(30, i)));
    }
  });
}
