import { expect, test } from "vitest";
import { limits } from "./limits.js";
import { SlabPool } from "./record-arena.js";
import { ValueCache } from "./value-cache.js";
import { WriteGeneration } from "./write-buffer.js";

const record = (text: string): Buffer => Buffer.from(text);
const slabs = new SlabPool();
/** What one record of 80 bytes is counted as. */
const COST = 80 + limits.recordOverheadBytes;

function cacheOf(bytes: number): ValueCache {
  return new ValueCache({ recentBytes: bytes, readBytes: bytes });
}

function generation(firstMain: number, count: number): WriteGeneration {
  const made = new WriteGeneration(slabs);
  for (let main = firstMain; main < firstMain + count; main++) {
    const { bytes, start } = made.addRecord(main, 0, 80, false);
    bytes.fill(main, start, start + 80);
  }
  made.settle();
  return made;
}

test("keeps the newest generations within their bound", () => {
  const cache = cacheOf(10 * COST);
  cache.takeOver(generation(2, 4));
  cache.takeOver(new WriteGeneration(slabs));
  cache.takeOver(generation(6, 4));
  expect([2, 5, 6, 9].map((main) => cache.get(main, 0)?.[0])).toEqual([2, 5, 6, 9]);
  expect([cache.get(10, 0), cache.get(1, 0), cache.get(5, 1)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  cache.takeOver(generation(10, 4));
  expect([2, 5, 6, 13].map((main) => cache.get(main, 0)?.[0])).toEqual([
    undefined,
    undefined,
    6,
    13,
  ]);
});

test("drops what was read longest ago and keeps what is used", () => {
  const cache = cacheOf(10 * COST);
  for (let main = 2; main < 7; main++) cache.add(main, 0, Buffer.alloc(80, main));
  for (let main = 7; main < 60; main++) {
    expect(cache.get(2, 0)?.[0]).toBe(2);
    cache.add(main, 0, Buffer.alloc(80, main));
  }
  expect(cache.get(3, 0)).toBeUndefined();
  const held = Array.from({ length: 60 }, (_, main) => cache.get(main, 0)).filter(Boolean).length;
  expect(held).toBeLessThanOrEqual(10);
});

test("tells subs and mains apart, and leaves out what has no number", () => {
  const cache = cacheOf(5e5);
  cache.add(1, 0, record("1.0"));
  cache.add(1, 1, record("1.1"));
  cache.add(1, 1_024, record("1.1024"));
  cache.add(2, 0, record("2.0"));
  expect(cache.get(1, 0)).toEqual(record("1.0"));
  expect(cache.get(1, 1)).toEqual(record("1.1"));
  expect(cache.get(2, 0)).toEqual(record("2.0"));
  expect(cache.get(1, 1_024)).toBeUndefined();
});

test("a bound of nothing keeps nothing", () => {
  const cache = cacheOf(0);
  cache.takeOver(generation(2, 1));
  cache.add(9, 0, record("x"));
  expect([cache.get(2, 0), cache.get(9, 0)]).toEqual([undefined, undefined]);
});

test("scans over more than fits keep what they found room for, but not for ever", () => {
  // Two maps of five records.
  const cache = cacheOf(10 * COST);
  const scan = (from: number, to: number): number => {
    let hits = 0;
    for (let main = from; main < to; main++) {
      if (cache.get(main, 0, true) !== undefined) hits++;
      else cache.add(main, 0, Buffer.alloc(80, main), true);
    }
    return hits;
  };
  expect(scan(2, 14)).toBe(0);
  expect([scan(2, 14), scan(2, 14), scan(2, 14)]).toEqual([10, 10, 10]);
  // Other keys, again and again, win the room in the end.
  for (let i = 0; i < 40; i++) scan(100, 110);
  expect(scan(100, 110)).toBe(10);
  // A read of a single key displaces as ever.
  cache.add(500, 0, Buffer.alloc(80, 7));
  expect(cache.get(500, 0)?.[0]).toBe(7);
});

test("hands out copies of what was committed last, which outlive it", () => {
  // Enough for most of a slab, which is used again then.
  const count = 600;
  const cache = cacheOf(count * COST);
  cache.takeOver(generation(2, count));
  const read = cache.get(3, 0)!;
  expect(cache.get(3, 0)).toBe(read);
  cache.takeOver(generation(2 + count, count));
  generation(2 + 2 * count, count);
  expect(read).toEqual(Buffer.alloc(80, 3));
  expect(cache.get(3, 0)).toBeUndefined();
  expect(cache.get(2 + count, 0)).toEqual(Buffer.alloc(80, 2 + count));
});
