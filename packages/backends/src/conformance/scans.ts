import assert from "node:assert/strict";
import { createPrng } from "@kvorum/base";
import { SCAN_BATCH_BYTES_MAX, SCAN_BATCH_RECORDS_MAX } from "../limits.js";
import type { Op, ScanBatch } from "../port.js";
import { type ConformanceContext, collectNow, hex } from "./context.js";
import { noise, revisionKey } from "./model.js";

/** Keys in their order: bytes without sign, a prefix before what continues it. */
const ORDERED = [
  "00",
  "0000",
  "0001",
  "00ff",
  "01",
  "61",
  "6161",
  "7f",
  "80",
  "ff",
  "ff00",
  "ffff",
];

export function testScans(context: ConformanceContext): void {
  context.testStore("a scan goes in byte order", async (store) => {
    const shuffled = [...ORDERED].sort((left, right) => (left[1]! < right[1]! ? 1 : -1));
    await store.commit(
      shuffled.map((key): Op => ({ bucket: "meta", key: Buffer.from(key, "hex"), value: A })),
    );
    assert.deepEqual((await collectNow(store, "meta")).map(first), ORDERED);
    assert.deepEqual(await collectNow(store, "members"), []);
    assert.deepEqual(await collectNow(store, "lease"), []);
  });

  context.testStore("start is inclusive, end exclusive, both may be absent", async (store) => {
    await store.commit(
      ORDERED.map((key): Op => ({ bucket: "auth", key: Buffer.from(key, "hex"), value: A })),
    );
    const bounds = [undefined, ...ORDERED, "0080", "62", "ffffff"];
    for (const start of bounds) {
      for (const end of bounds) {
        const expected = ORDERED.filter(
          (key) => (start === undefined || key >= start) && (end === undefined || key < end),
        );
        const scanned = await collectNow(store, "auth", {
          start: start === undefined ? undefined : Buffer.from(start, "hex"),
          end: end === undefined ? undefined : Buffer.from(end, "hex"),
        });
        assert.deepEqual(scanned.map(first), expected, `from ${start} to ${end}`);
      }
    }
  });

  context.testStore("batches are bounded, never empty and lose nothing", async (store) => {
    const count = 2 * SCAN_BATCH_RECORDS_MAX + 17;
    const ops: Op[] = [];
    for (let i = 0; i < count; i++) ops.push({ bucket: "key", key: revisionKey(i, 0), value: A });
    await store.commit(ops);
    await store.commit(
      [0, 1, 2, 3, 4].map((i): Op => {
        return { bucket: "lease", key: Buffer.of(i), value: Buffer.alloc(700_000, i) };
      }),
    );
    const view = await store.view();
    let next = 0;
    for await (const { keys, values } of view.scan("key")) {
      assert.ok(keys.length > 0 && keys.length <= SCAN_BATCH_RECORDS_MAX, "size of a batch");
      assert.equal(values.length, keys.length);
      for (const key of keys) assert.equal(hex(key), hex(revisionKey(next++, 0)));
    }
    assert.equal(next, count);
    let large = 0;
    for await (const { keys, values } of view.scan("lease")) {
      large += keys.length;
      const bytes = values.slice(0, -1).reduce((sum, value) => sum + value.length, 0);
      assert.ok(bytes <= SCAN_BATCH_BYTES_MAX, "a batch goes on after its limit");
    }
    assert.equal(large, 5);
    await view.close();
  });

  context.testStore("records of all sizes come whole, in bounded batches", async (store) => {
    const prng = createPrng(context.seed);
    const values: Buffer[] = [];
    // Long stretches of one size, jumps, and large ones among small ones.
    for (const bytesMax of [0, 60, 2_000, 10, 90_000, 300, 1_500_000, 40]) {
      const count = 1 + prng.below(bytesMax > 10_000 ? 20 : 3_000);
      for (let i = 0; i < count; i++) {
        const isLarge = prng.below(500) === 0;
        values.push(noise(prng.below(isLarge ? 200_000 : bytesMax + 1), values.length));
      }
    }
    await store.commit(
      values.map((value, i): Op => ({ bucket: "key", key: revisionKey(i, i % 3), value })),
    );
    const view = await store.view();
    for (const from of [0, prng.below(values.length)]) {
      let next = from;
      for await (const batch of view.scan("key", { start: revisionKey(from, 0) })) {
        assertBounded(batch);
        for (const [i, value] of batch.values.entries()) {
          assert.equal(hex(batch.keys[i]!), hex(revisionKey(next, next % 3)));
          assert.ok(values[next]!.equals(value), `value ${next} (seed ${context.seed})`);
          next++;
        }
      }
      assert.equal(next, values.length);
    }
    await view.close();
  });

  context.testStore("a reader that gives memory back sees the same records", async (store) => {
    const value = noise(300, context.seed);
    const keys = Array.from({ length: 30_000 }, (_, i) => revisionKey(i, i % 5));
    for (let from = 0; from < keys.length; from += 10_000) {
      const some = keys.slice(from, from + 10_000);
      await store.commit(some.map((key): Op => ({ bucket: "key", key, value })));
    }
    const view = await store.view();
    let next = 0;
    for await (const { keys: found, values, packed } of view.scan("key")) {
      for (const [i, key] of found.entries()) {
        assert.equal(hex(key), hex(keys[next++]!));
        assert.ok(value.equals(values[i]!), `the value of key ${next}`);
      }
      packed?.recycle?.();
    }
    assert.equal(next, keys.length);
    await view.close();
  });

  context.testStore("the bytes of a batch stay the receiver's", async (store) => {
    const ops: Op[] = [];
    for (let i = 0; i < 9_000; i++) {
      ops.push({ bucket: "key", key: revisionKey(i, 0), value: Buffer.alloc(40, i) });
    }
    await store.commit(ops);
    const view = await store.view();
    const all: Uint8Array[] = [];
    for await (const { values } of view.scan("key")) all.push(...values);
    await view.close();
    await store.commit(ops.map((op): Op => ({ ...op, value: undefined })));
    all.forEach((value, i) => {
      assert.equal(hex(value), hex(Buffer.alloc(40, i)));
    });
  });

  context.testStore("a scan that is left early leaves nothing behind", async (store) => {
    const ops: Op[] = [];
    for (let i = 0; i < 9_000; i++) ops.push({ bucket: "key", key: revisionKey(i, 0), value: A });
    await store.commit(ops);
    const view = await store.view();
    for await (const { keys } of view.scan("key")) {
      assert.equal(hex(keys[0]!), hex(revisionKey(0, 0)));
      break;
    }
    await view.close();
    await store.commit(ops.slice(0, 10).map((op): Op => ({ ...op, value: undefined })));
    assert.equal((await collectNow(store, "key")).length, 8_990);
  });
}

const A = Buffer.from("a");

function first(record: readonly [string, string]): string {
  return record[0];
}

function assertBounded({ keys, values }: ScanBatch): void {
  assert.ok(keys.length > 0 && keys.length <= SCAN_BATCH_RECORDS_MAX, "size of a batch");
  let bytes = 0;
  for (let i = 0; i < keys.length; i++) {
    assert.ok(bytes <= SCAN_BATCH_BYTES_MAX, "a batch goes on after its limit");
    // About: an engine need not count its keys.
    bytes += values[i]!.length;
  }
}
