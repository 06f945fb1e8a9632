import { createHash } from "node:crypto";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrng } from "@kvorum/base";
import { ClassicLevel } from "classic-level";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { BatchMemory } from "../common/batch-memory.js";
import { writeSealed } from "../common/record-checksum.js";
import { noise } from "../conformance/model.js";
import { storedKey } from "./key-codec.js";
import { type LeveldbStore, openStore } from "./open-store.js";
import { StoreFiles } from "./store-files.js";
import { StoreView } from "./store-view.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`KVORUM_SEED=${seed}`);
const random = createPrng(seed);
/** Values are parts of it. */
const material = noise(60_000, seed);
const parent = mkdtempSync(join(tmpdir(), "kvorum-view-"));
let directory: string;
let store: LeveldbStore;
/** Hexadecimal keys of the bucket "key", and hashes of values, which are long. */
let model: Map<string, string>;

beforeEach(async () => {
  directory = mkdtempSync(join(parent, "store-"));
  store = await openStore(directory);
  model = new Map();
});
afterEach(() => store.close());
afterAll(() => rmSync(parent, { recursive: true }));

test("a scan of the files agrees with a model after any history", async () => {
  for (let round = 0; round < 20; round++) {
    await change(120);
    if (round % 6 === 5) await store.compactRange(Buffer.of(6), storedKey("key", key()));
    await expectScan({});
    const [start, end] = [key(), key()].sort(Buffer.compare);
    await expectScan({ start: start!, end: end! });
    await expectScan({ start: start! });
  }
  expect(tables().length).toBeGreaterThan(2);
});

test("a view stays as it is while commits and compactions go on", async () => {
  await change(600);
  const view = await StoreView.open(store, directory);
  const expected = sorted({});
  const before = tables();
  await change(600);
  await store.compactRange(Buffer.of(6), Buffer.of(7));
  expect(tables()).not.toEqual(expect.arrayContaining(before));
  expect(await contents(view, {})).toEqual(expected);
  await view.close();
  await expectScan({});
});

test("the files are read, not LevelDB's iterator", async () => {
  await change(10);
  const files = await StoreFiles.open(directory);
  expect(files).toBeDefined();
  files!.close();
});

test("a damaged block is found by the scan and named", async () => {
  await change(400);
  await store.compactRange(Buffer.of(6), Buffer.of(7));
  for (const name of tables()) {
    const bytes = readFileSync(join(directory, name));
    for (let at = 1_000; at < bytes.length - 20_000; at += 20_000) bytes[at]! ^= 1;
    writeFileSync(join(directory, name), bytes);
  }
  const view = await StoreView.open(store, directory);
  await expect(contents(view, {})).rejects.toThrow(/\d\.ldb: the block at byte \d+ is damaged/);
  await view.close();
});

test("no damage to a block goes unseen: it is found and named, or changes nothing", async () => {
  await openUnpacked();
  // Deletions and other versions of the keys stand in the level above.
  await changeSome({ count: 40, valueBytesMax: 12 });
  await store.compactRange(Buffer.of(6), Buffer.of(7));
  await changeSome({ count: 30, valueBytesMax: 12 });
  await store.compactRange(Buffer.of(11), Buffer.of(12));
  expect(tables().length).toBe(2);
  const view = await StoreView.open(store, directory);
  const expected = sorted({});
  expect(await contents(view, {})).toEqual(expected);
  let found = 0;
  for (const name of tables()) {
    const path = join(directory, name);
    const whole = readFileSync(path);
    const file = openSync(path, "r+");
    for (let at = 0; at < whole.length - 48; at += 1 + random.below(3)) {
      writeSync(file, Buffer.of(whole[at]! ^ (1 << random.below(8))), 0, 1, at);
      const outcome = await contents(view, {}).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        found++;
        expect(outcome, `${name}, byte ${at}`).toMatchObject({ code: "CORRUPT" });
        expect(outcome.message, `byte ${at}`).toContain(name);
      } else expect(outcome, `${name}, byte ${at}`).toEqual(expected);
      writeSync(file, whole, at, 1, at);
    }
    closeSync(file);
  }
  await view.close();
  expect(found).toBeGreaterThan(500);
});

test("a count of restarts that hides the last record is found", async () => {
  await openUnpacked();
  // The first record has a block to itself. Sixteen entries have one restart in the second, and
  // each but the first has the bytes of four.
  const batch = store.batch();
  for (let i = 0; i <= 16; i++) {
    const value = Buffer.alloc(i === 0 ? FIRST_BYTES : 0);
    const sealed = Buffer.alloc(value.length + 4);
    writeSealed(sealed, 0, { bucket: "key", key: Buffer.of(i), value });
    batch.put(storedKey("key", Buffer.of(i)), sealed);
  }
  await batch.write({ sync: false });
  await store.compactRange(Buffer.of(6), Buffer.of(7));
  const [name] = tables();
  const path = join(directory, name!);
  const bytes = readFileSync(path);
  const count = bytes.indexOf(Buffer.of(0, 0, 0, 0, 1, 0, 0, 0, 0), FIRST_BYTES + 16 * 16) + 4;
  expect(count).toBeGreaterThan(FIRST_BYTES);
  bytes[count] = 5;
  writeFileSync(path, bytes);
  const view = await StoreView.open(store, directory);
  await expect(contents(view, {})).rejects.toThrow(name!);
  await view.close();
});

test("a damaged log is found by the scan and named", async () => {
  await change(5);
  const name = readdirSync(directory).find((file) => file.endsWith(".log"))!;
  const bytes = readFileSync(join(directory, name));
  bytes[bytes.length - 9]! ^= 1;
  writeFileSync(join(directory, name), bytes);
  const view = await StoreView.open(store, directory);
  await expect(contents(view, {})).rejects.toThrow(name);
  await view.close();
});

const FIRST_BYTES = 1_000;

interface Range {
  readonly start?: Buffer;
  readonly end?: Buffer;
}

/** Has tables begin without compression and with many blocks, of which a scan checks few. */
async function openUnpacked(): Promise<void> {
  await store.close();
  store = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    compression: false,
    blockSize: 256,
  });
  await store.open();
}

/** Puts and deletes of few keys, so that many are written again, and neighbours of the bucket. */
async function change(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 40) {
    await changeSome({ count: Math.min(left, 40), valueBytesMax: 30_000 });
  }
}

async function changeSome(options: {
  readonly count: number;
  readonly valueBytesMax: number;
}): Promise<void> {
  const { count, valueBytesMax } = options;
  const batch = store.batch();
  for (let i = 0; i < count; i++) {
    const changed = key();
    if (random.below(4) === 0) {
      batch.del(storedKey("key", changed));
      model.delete(changed.toString("hex"));
      continue;
    }
    const start = random.below(30_000);
    const value = material.subarray(start, start + random.below(valueBytesMax));
    const sealed = Buffer.alloc(value.length + 4);
    writeSealed(sealed, 0, { bucket: "key", key: changed, value });
    batch.put(storedKey("key", changed), sealed);
    batch.put(storedKey(i % 2 === 0 ? "cluster" : "lease", changed), sealed);
    model.set(changed.toString("hex"), hashOf(value));
  }
  await batch.write({ sync: false });
}

function key(): Buffer {
  const length = 1 + random.below(random.below(20) === 0 ? 300 : 3);
  return Buffer.alloc(length, random.below(256)).fill(random.below(256), length - 1);
}

async function expectScan(range: Range): Promise<void> {
  const view = await StoreView.open(store, directory);
  const actual = await contents(view, range);
  await view.close();
  expect(actual).toEqual(sorted(range));
}

function sorted({ start, end }: Range): [string, string][] {
  return [...model]
    .filter(([at]) => !(start && at < start.toString("hex")) && !(end && at >= end.toString("hex")))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

async function contents(view: StoreView, range: Range): Promise<[string, string][]> {
  const found: [string, string][] = [];
  for await (const { count, bytes, bounds } of view.scan("key", range, new BatchMemory())) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < 3 * count; i += 3) {
      const [keyStart, valueStart, valueEnd] = bounds.subarray(i, i + 3);
      found.push([
        buffer.toString("hex", keyStart, valueStart),
        hashOf(buffer.subarray(valueStart, valueEnd)),
      ]);
    }
  }
  return found;
}

function hashOf(value: Buffer): string {
  return createHash("sha256").update(value).digest("hex");
}

function tables(): string[] {
  return readdirSync(directory).filter((name) => name.endsWith(".ldb"));
}
