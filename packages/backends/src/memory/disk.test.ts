import { expect, test } from "vitest";
import { testEngine } from "../conformance/index.js";
import type { Op } from "../port.js";
import { MemoryDisk } from "./disk.js";
import { createMemoryEngine } from "./engine.js";

testEngine({ engine: createMemoryEngine({ disk: new MemoryDisk() }), test });

const directory = "/member";

test("a crash loses what had not settled and keeps the rest", async () => {
  const disk = new MemoryDisk();
  const waiting: (() => void)[] = [];
  const engine = createMemoryEngine({ disk, schedule: (apply) => waiting.push(apply) });
  const store = await engine.open({ directory });
  const first = store.commit([put(1)]);
  waiting.shift()!();
  await first;
  const second = store.commit([put(2)]);
  disk.crash();
  waiting.shift()!();
  await expect(second).rejects.toMatchObject({ code: "IO" });
  expect(() => store.get("key", Buffer.of(1))).toThrow(/crashed/);
  await store.close();

  const again = await engine.open({ directory });
  expect(again.get("key", Buffer.of(1))).toEqual(Buffer.of(1));
  expect(again.get("key", Buffer.of(2))).toBeUndefined();
});

test("a full disk refuses a commit as a whole", async () => {
  const disk = new MemoryDisk();
  const engine = createMemoryEngine({ disk });
  const store = await engine.open({ directory });
  await store.commit([put(1)]);
  disk.capacityBytes = 3;
  await expect(store.commit([put(2), put(3)])).rejects.toMatchObject({ code: "NO_SPACE" });
  await expect(store.commit([put(2)])).rejects.toMatchObject({ code: "NO_SPACE" });
  await store.close();
  const again = await engine.open({ directory });
  expect(again.get("key", Buffer.of(2))).toBeUndefined();
  expect(again.stat().sizeBytes).toBe(2);
});

test("directories of one disk are apart", async () => {
  const engine = createMemoryEngine({ disk: new MemoryDisk() });
  const left = await engine.open({ directory: "/left" });
  const right = await engine.open({ directory: "/right" });
  await left.commit([put(1)]);
  expect(right.get("key", Buffer.of(1))).toBeUndefined();
});

function put(number: number): Op {
  return { bucket: "key", key: Buffer.of(number), value: Buffer.of(number) };
}
