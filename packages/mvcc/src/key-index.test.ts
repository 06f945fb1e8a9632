import { describe, expect, test } from "vitest";
import { type FoundRevision, KeyIndex } from "./key-index.js";

/** put 2.0, put 4.1, tombstone 6.0 | put 8.0, tombstone 10.0 | put 12.0, put 14.3, put 16.0 */
function example(): KeyIndex {
  const index = new KeyIndex({ main: 2, sub: 0, created: 2, version: 1 }, 0n);
  index.put(4, 1, 0n);
  index.tombstone(6, 0);
  index.put(8, 0, 5n);
  index.tombstone(10, 0);
  index.put(12, 0, 0n);
  index.put(14, 3, 0n);
  index.put(16, 0, 7n);
  return index;
}

function seen(index: KeyIndex, at: number): string | undefined {
  const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
  if (!index.find(at, found)) return undefined;
  return `${found.main}.${found.sub} created ${found.created} version ${found.version}`;
}

function kept(index: KeyIndex, at: number): string | undefined {
  const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
  return index.keep(at, found) ? `${found.main}.${found.sub}` : undefined;
}

test("finds the revision that each time sees", () => {
  const index = example();
  const times = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 99];
  expect(times.map((at) => seen(index, at))).toEqual([
    undefined,
    "2.0 created 2 version 1",
    "2.0 created 2 version 1",
    "4.1 created 2 version 2",
    "4.1 created 2 version 2",
    undefined,
    undefined,
    "8.0 created 8 version 1",
    "8.0 created 8 version 1",
    undefined,
    undefined,
    "12.0 created 12 version 1",
    "12.0 created 12 version 1",
    "14.3 created 12 version 2",
    "14.3 created 12 version 2",
    "16.0 created 12 version 3",
    "16.0 created 12 version 3",
  ]);
});

test("knows its lease while it lives", () => {
  const index = example();
  expect(index.lease).toBe(7n);
  index.tombstone(18, 0);
  expect([index.lease, index.isLive]).toEqual([0n, false]);
});

describe("compact", () => {
  const all = ["2.0", "4.1", "6.0", "8.0", "10.0", "12.0", "14.3", "16.0"];
  const left = (index: KeyIndex): string[] =>
    all.filter((revision) => {
      const [main, sub] = revision.split(".").map(Number);
      return index.contains(main!, sub!);
    });

  test.each([
    [1, all],
    [2, all],
    [3, all],
    [4, all.slice(1)],
    [5, all.slice(1)],
    // A tombstone exactly at the revision is kept, one below it is not.
    [6, all.slice(2)],
    [7, all.slice(3)],
    [9, all.slice(3)],
    [10, all.slice(4)],
    [11, all.slice(5)],
    [13, all.slice(5)],
    [14, all.slice(6)],
    [16, all.slice(7)],
    [50, all.slice(7)],
  ])("at %d", (at, expected) => {
    const index = example();
    expect(index.compact(at)).toBe(true);
    expect(left(index)).toEqual(expected);
    for (const time of [at, at + 1, 99]) expect(seen(index, time)).toBe(seen(example(), time));
  });

  test("leaves nothing of a key deleted before", () => {
    const index = new KeyIndex({ main: 2, sub: 0, created: 2, version: 1 }, 0n);
    index.tombstone(3, 0);
    expect(index.compact(3)).toBe(true);
    expect(index.contains(3, 0)).toBe(true);
    expect(index.compact(4)).toBe(false);
  });

  test("what is left of a fresh key has the short form", () => {
    const index = new KeyIndex({ main: 2, sub: 0, created: 2, version: 1 }, 0n);
    index.tombstone(3, 0);
    index.put(5, 0, 0n);
    expect(index.single).toBeUndefined();
    index.compact(4);
    expect(index.single).toBe(5);
  });
});

test("a hash keeps what a compaction would, but no tombstone", () => {
  const index = example();
  const times = [1, 2, 5, 6, 7, 8, 10, 11, 12, 15, 16];
  expect(times.map((at) => kept(index, at))).toEqual([
    undefined,
    "2.0",
    "4.1",
    undefined,
    undefined,
    "8.0",
    undefined,
    undefined,
    "12.0",
    "14.3",
    "16.0",
  ]);
});

test("a life of many versions ends like one of few", () => {
  const index = KeyIndex.ofCreation(1);
  const versions = 200_000;
  for (let main = 2; main <= versions; main++) index.put(main, 0, 0n);
  index.tombstone(versions + 1, 7);
  expect([index.isLive, index.contains(versions + 1, 7)]).toEqual([false, true]);
  expect(seen(index, versions + 1)).toBeUndefined();
  for (const at of [1, 2, versions])
    expect(seen(index, at)).toBe(`${at}.0 created 1 version ${at}`);
});

test("several generations in one main revision are told apart by their subs", () => {
  const index = new KeyIndex({ main: 2, sub: 0, created: 2, version: 1 }, 0n);
  index.tombstone(3, 0);
  index.put(3, 1, 0n);
  expect(seen(index, 3)).toBe("3.1 created 3 version 1");
  index.compact(3);
  expect([index.contains(2, 0), index.contains(3, 0), index.contains(3, 1)]).toEqual([
    false,
    true,
    true,
  ]);
});

test("finds each of many revisions, before and after compactions", () => {
  const index = KeyIndex.ofCreation(1);
  for (let version = 2; version <= 60; version++) index.put(10 * version, version % 3, 0n);
  const expected = (at: number) => {
    const version = at < 20 ? 1 : Math.floor(at / 10);
    const [main, sub] = version === 1 ? [1, 0] : [10 * version, version % 3];
    return `${main}.${sub} created 1 version ${version}`;
  };
  for (const compacted of [0, 15, 155, 300, 305, 595]) {
    if (compacted !== 0) expect(index.compact(compacted)).toBe(true);
    for (let at = Math.max(1, compacted); at < 610; at++)
      expect(seen(index, at)).toBe(expected(at));
    expect(index.contains(290, 2)).toBe(compacted < 300);
    expect([index.contains(600, 0), index.contains(600, 1)]).toEqual([true, false]);
  }
  index.put(610, 1, 0n);
  index.tombstone(620, 0);
  expect([599, 609, 619].map((at) => seen(index, at))).toEqual([
    "590.2 created 1 version 59",
    "600.0 created 1 version 60",
    "610.1 created 1 version 61",
  ]);
  expect(seen(index, 620)).toBeUndefined();
});
