import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import { noise } from "../conformance/model.js";
import { SCAN_BATCH_BYTES_MAX, SCAN_BATCH_RECORDS_MAX } from "../limits.js";
import type { PackedRecords } from "../port.js";
import { PackedBatch, PackedBuilder, packedOf } from "./packed-batch.js";

const seed = Number(process.env.KVORUM_SEED ?? 1);

test("records come out as they went in, by views and by bounds", () => {
  const prng = createPrng(seed);
  const builder = new PackedBuilder();
  for (let round = 0; round < 8; round++) {
    const keys: Buffer[] = [];
    const values: Buffer[] = [];
    while (!builder.full && keys.length < 1 + prng.below(6_000)) {
      const key = noise(1 + prng.below(30), keys.length);
      const value = noise(prng.below(round % 5 === 0 ? 40_000 : 300), keys.length + 1);
      if (keys.length % 2 === 0) builder.addParts(key, value);
      else {
        const around = Buffer.concat([Buffer.alloc(3), key, value, Buffer.alloc(5)]);
        builder.addJoined(around, 3, 3 + key.length, around.length - 5);
      }
      keys.push(key);
      values.push(value);
    }
    const packed = builder.take();
    const batch = new PackedBatch(packed);
    expect(areEqual(batch.keys, keys)).toBe(true);
    expect(areEqual(batch.values, values)).toBe(true);
    expect(packedOf(batch)).toBe(packed);
    const copy = new PackedBatch(packedOf({ keys, values }));
    expect(areEqual(copy.keys, keys)).toBe(true);
    expect(areEqual(copy.values, values)).toBe(true);
    expect(builder.empty).toBe(true);
  }
});

test("records of the window are taken from it, also those behind the end of a batch", () => {
  const windowBytes = 100_000;
  const builder = new PackedBuilder({ windowBytes });
  const sizes = [0, 1, 300, 900, 70_000];
  const prng = createPrng(seed);
  const found: Buffer[] = [];
  const expected: Buffer[] = [];
  for (let run = 0; run < 60; run++) {
    const { window } = builder;
    expect(window.length).toBe(windowBytes);
    noise(windowBytes, run).copy(window);
    const read = Buffer.from(window);
    for (let at = 0; ; ) {
      const end = at + 20 + sizes[prng.below(run % 20 === 19 ? 5 : 4)]!;
      if (end > windowBytes) break;
      builder.addJoined(window, at, at + 20, end);
      expected.push(read.subarray(at, at + 20), read.subarray(at + 20, end));
      // Some bytes between two records, as in a page.
      at = end + 12;
      if (builder.full) found.push(...partsOf(builder.take()));
    }
  }
  found.push(...partsOf(builder.take()));
  expect(areEqual(found, expected), `seed ${seed}`).toBe(true);
});

function partsOf(records: PackedRecords): Buffer[] {
  const { keys, values } = new PackedBatch(records);
  return keys.flatMap((key, i) => [Buffer.from(key), Buffer.from(values[i]!)]);
}

test("a builder is full at the limits of the port", () => {
  const byCount = new PackedBuilder();
  for (let i = 0; i < SCAN_BATCH_RECORDS_MAX; i++) {
    expect(byCount.full).toBe(false);
    byCount.addParts(Buffer.of(1), Buffer.alloc(0));
  }
  expect(byCount.full).toBe(true);
  const byBytes = new PackedBuilder();
  byBytes.addParts(Buffer.of(1), Buffer.alloc(SCAN_BATCH_BYTES_MAX - 2));
  expect(byBytes.full).toBe(false);
  byBytes.addParts(Buffer.of(2), Buffer.alloc(0));
  expect(byBytes.full).toBe(true);
});

/** Natively: the assertions of the runner look at every byte, which takes a thousand times longer. */
function areEqual(found: readonly Uint8Array[], expected: readonly Buffer[]): boolean {
  return found.length === expected.length && found.every((bytes, i) => expected[i]!.equals(bytes));
}
