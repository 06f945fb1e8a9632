import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import { KeyIndex } from "./key-index.js";
import { encodeKeyValue } from "./key-value.js";
import { LatestRecords } from "./latest-records.js";
import { RecordArena, type RecordPlace, SlabPool } from "./record-arena.js";

const RUNS = 8;
const STEPS = 20_000;

function recordOf(key: Buffer, valueBytes: number, fill: number): Buffer {
  const value = Buffer.alloc(valueBytes, fill);
  return encodeKeyValue({
    ...{ key, value, createRevision: 1, modRevision: 1 + fill, version: 1, lease: 0n },
  });
}

function placeOf(record: Buffer): RecordPlace {
  const arena = new RecordArena(new SlabPool());
  const place = arena.place(arena.reserve(record.length));
  place.bytes.set(record, place.start);
  return place;
}

function get(cache: LatestRecords, key: Uint8Array): Buffer | undefined {
  const bytes = Buffer.concat([Buffer.from("<"), key, Buffer.from(">")]);
  if (!cache.find(bytes, 1, 1 + key.length)) return undefined;
  return Buffer.from(cache.bytes.subarray(cache.start, cache.end));
}

/** What it finds is always the newest, whatever it has dropped; and it keeps what there is room for. */
test("agrees with a map", () => {
  const given = process.env.KVORUM_SEED;
  const first = given === undefined ? Date.now() % 1_000_000 : Number(given);
  console.log(`KVORUM_SEED=${first}`);
  for (let seed = first; seed < first + (given === undefined ? RUNS : 1); seed++) {
    const random = createPrng(seed);
    const below = (count: number) => random.below(count);
    const cache = new LatestRecords([1_001, 9_000, 70_001, 1_000_000][seed % 4]!);
    const newest = new Map<string, Buffer>();
    const keys = 1 + below(600);
    const entries = new Map<string, KeyIndex | undefined>();
    let hits = 0;
    let knownEntries = 0;
    for (let step = 0; step < STEPS; step++) {
      const number = below(keys);
      const key = Buffer.from(`key ${number}`.padEnd(number % 7 === 0 ? 200 : 4, "."));
      const held = get(cache, key);
      if (held !== undefined) {
        hits++;
        const expected = newest.get(key.toString());
        // An assertion each step would take most of the time.
        if (expected === undefined || !held.equals(expected)) {
          expect(held, `KVORUM_SEED=${seed} step ${step}`).toEqual(expected);
        }
      }
      const kind = below(10);
      const record = recordOf(key, below(below(8) === 0 ? 400 : 40), step % 251);
      if (kind < 5 && held === undefined) {
        newest.set(key.toString(), record);
        cache.add(key, record);
      } else if (kind < 8) {
        const isNew = !newest.has(key.toString());
        newest.set(key.toString(), record);
        const known = cache.seek(key);
        if (isNew) {
          cache.putNew(key, placeOf(record));
          entries.delete(key.toString());
          continue;
        }
        expect(known === undefined || known === entries.get(key.toString())).toBe(true);
        if (known !== undefined) knownEntries++;
        const entry = step % 3 === 0 ? undefined : KeyIndex.ofCreation(step);
        entries.set(key.toString(), entry);
        cache.putSought(key, placeOf(record), entry);
      } else if (kind < 9) {
        newest.delete(key.toString());
        entries.delete(key.toString());
        cache.remove(key, 0, key.length);
      }
    }
    expect(hits).toBeGreaterThan(0);
    expect(knownEntries).toBeGreaterThan(0);
  }
});

test("keeps all records while there is room, then drops the oldest", () => {
  const key = (i: number) => Buffer.from(`key-${String(i).padStart(8, "0")}`);
  const cache = new LatestRecords(100_000);
  // 12 bytes of head, 14 of key, 8 of revisions and version, 62 of value.
  for (let i = 0; i < 2_500; i++) {
    cache.add(key(i), recordOf(key(i), 60, i % 200));
  }
  const held = Array.from({ length: 2_500 }, (_, i) => get(cache, key(i)) !== undefined);
  const firstHeld = held.indexOf(true);
  expect(held.slice(firstHeld).every(Boolean)).toBe(true);
  expect(held.length - firstHeld).toBe(cache.count);
  expect(cache.count).toBeGreaterThan(900);
  expect(cache.count).toBeLessThan(1_100);
});

test("keeps new keys while there is room, and gives the memory of a load back that nobody used", () => {
  const key = (i: number) => Buffer.from(`key-${String(i).padStart(8, "0")}`);
  const record = (i: number) => recordOf(key(i), 60, i % 200);
  const putNew = (cache: LatestRecords, i: number) => {
    cache.seek(key(i));
    cache.putNew(key(i), placeOf(record(i)));
  };
  for (const isUsed of [false, true]) {
    const cache = new LatestRecords(100_000);
    for (let i = 0; i < 900; i++) putNew(cache, i);
    expect(cache.count).toBe(900);
    if (isUsed) expect(get(cache, key(7))).toEqual(record(7));
    for (let i = 900; i < 2_000; i++) putNew(cache, i);
    expect(get(cache, key(1_999))).toBeUndefined();
    expect(get(cache, key(7))).toEqual(isUsed ? record(7) : undefined);
    if (!isUsed) expect(cache.count).toBe(0);
    cache.seek(key(1_999));
    cache.putSought(key(1_999), placeOf(record(1_999)), undefined);
    expect(get(cache, key(1_999))).toEqual(record(1_999));
    cache.seek(key(1_999));
    const again = recordOf(key(1_999), 60, 201);
    cache.putNew(key(1_999), placeOf(again));
    expect(get(cache, key(1_999))).toEqual(again);
  }
});

test("keeps neither what is too large nor what does not begin with its key", () => {
  const cache = new LatestRecords(4_000);
  const key = Buffer.from("k");
  cache.add(key, recordOf(key, 990, 1));
  expect(cache.count).toBe(0);
  cache.add(key, recordOf(Buffer.from("longer"), 10, 1));
  cache.add(key, Buffer.from([0x10, 1, 0x0a, 1, 0x6b]));
  cache.add(Buffer.alloc(0), Buffer.from([0x10, 1]));
  expect(cache.count).toBe(0);
  cache.add(key, recordOf(key, 900, 1));
  expect(get(cache, key)).toEqual(recordOf(key, 900, 1));
  expect(get(cache, Buffer.from("l"))).toBeUndefined();
  expect(get(new LatestRecords(0), key)).toBeUndefined();
});
