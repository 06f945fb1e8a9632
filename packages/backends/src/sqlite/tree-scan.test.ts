import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrng } from "@kvorum/base";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import { noise, revisionKey } from "../conformance/model.js";
import { BackendError } from "../port.js";
import { type Records, recordsOf, TestStore } from "./test-store.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`KVORUM_SEED=${seed}`);
const random = createPrng(seed);
/** Keys and values are parts of it. */
const material = noise(300_000, seed);
const parent = mkdtempSync(join(tmpdir(), "kvorum-tree-"));
afterAll(() => rmSync(parent, { recursive: true }));
let stores = 0;

test.each([512, 1_024, 4_096, 65_536])(
  "finds what SQLite finds, in pages of %i bytes",
  (pageBytes) => {
    const store = newStore(pageBytes);
    const whole = Math.floor(((pageBytes - 12) * 64) / 255) - 23;
    const sizes = [0, 1, 20, 300, whole, pageBytes, 5 * pageBytes, 70_000];
    for (let round = 0; round < 6; round++) {
      // Around each bound: the header of a record, a key and a checksum take some bytes.
      store.put(
        "key",
        records(80, () => near(sizes[random.below(sizes.length)]!, 40)),
      );
      const keys = store.keys("key");
      store.delete(
        "key",
        keys.filter(() => random.below(5) === 0),
      );
      expectAgreement(store);
    }
    store.put(
      "key",
      records(3_000, () => random.below(30)),
    );
    expectAgreement(store);
    expect(depthOf(store)).toBeGreaterThan(pageBytes > 4_096 ? 1 : 2);
    store.delete("key", store.keys("key"));
    expect(store.scan("key")).toBe("");
    store.close();
  },
);

test("records that were written in the order of their keys", () => {
  const store = newStore(4_096);
  const ordered = Array.from({ length: 5_000 }, (_, i) => [revisionKey(i, 0), value(280)] as const);
  store.put("key", ordered);
  expectAgreement(store);
  expect(depthOf(store)).toBe(4);
  store.close();
});

test("the order of keys ends a walk in a circle", () => {
  const store = smallStore();
  const root = store.writer.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'key'");
  const number = root.pluck().get() as number;
  store.close();
  const bytes = readFileSync(store.file);
  const at = (number - 1) * 4_096;
  // The last child of the root becomes the first one.
  bytes.copy(bytes, at + 8, at + bytes.readUInt16BE(at + 12), at + bytes.readUInt16BE(at + 12) + 4);
  writeFileSync(store.file, bytes);
  const damaged = new TestStore(store.file);
  expect(() => damaged.scan("key")).toThrow(/damaged at page \d+: the order of keys/);
  damaged.close();
});

test("damage anywhere in the file is reported, or in what no record needs", () => {
  const store = smallStore();
  const expected = store.select("key");
  store.close();
  const bytes = readFileSync(store.file);
  let reported = 0;
  for (let round = 0; round < 300; round++) {
    const damaged = Buffer.from(bytes);
    // Headers of pages are few bytes and break most; page 1 is SQLite's own to check.
    const page = 1 + random.below(bytes.length / 4_096 - 1);
    const at = page * 4_096 + random.below(random.below(2) === 0 ? 40 : 4_096);
    damaged[at]! ^= 1 << random.below(8);
    if (round % 3 === 0) damaged.fill(random.below(256), at, at + 1 + random.below(200));
    if (isReported(damaged, expected, `page ${page + 1}, byte ${at % 4_096}`)) reported++;
  }
  expect(reported).toBeGreaterThan(100);
});

test("a wrong number of records in a page is reported", () => {
  const store = smallStore();
  const expected = store.select("key");
  const query = "SELECT pageno FROM dbstat WHERE name = 'key' AND pagetype <> 'overflow'";
  const pages = store.writer.prepare(query).pluck().all() as number[];
  store.close();
  const bytes = readFileSync(store.file);
  for (const page of pages) {
    const damaged = Buffer.from(bytes);
    damaged[(page - 1) * 4_096 + 4]! += page % 2 === 0 ? 1 : -1;
    expect(isReported(damaged, expected, `page ${page}`), `page ${page}`).toBe(true);
  }
});

test("a file that was cut is reported", () => {
  const store = smallStore();
  const expected = store.select("key");
  store.close();
  const bytes = readFileSync(store.file);
  for (let pages = 6; pages < bytes.length / 4_096; pages += 5) {
    expect(isReported(bytes.subarray(0, pages * 4_096), expected, `${pages} pages`)).toBe(true);
  }
});

/** True when a scan tells of the damage; else it must find all records as they were. */
function isReported(bytes: Buffer, expected: Records, place: string): boolean {
  const file = join(parent, "damaged.sqlite");
  for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true });
  writeFileSync(file, bytes);
  let store: TestStore | undefined;
  try {
    store = new TestStore(file);
    const found = store.scan("key");
    expect(found, `${place}, seed ${seed}`).toBe(expected);
    return false;
  } catch (error) {
    if (error instanceof Database.SqliteError) return true;
    if (!(error instanceof BackendError)) throw error;
    expect(error.code, place).toBe("CORRUPT");
    return true;
  } finally {
    store?.close();
  }
}

/** Some pages of each kind. */
function smallStore(): TestStore {
  const store = newStore(4_096);
  store.put(
    "key",
    records(400, () => near(random.below(3) === 0 ? 1_000 : 200, 50)),
  );
  store.put(
    "key",
    records(4, () => 9_000),
  );
  store.delete("key", store.keys("key").slice(100, 140));
  store.writer.pragma("wal_checkpoint(TRUNCATE)");
  return store;
}

function newStore(pageBytes: number): TestStore {
  const file = join(parent, `${stores++}.sqlite`);
  const empty = new Database(file);
  empty.pragma(`page_size = ${pageBytes}`);
  empty.pragma("auto_vacuum = INCREMENTAL");
  empty.exec("VACUUM");
  empty.close();
  return new TestStore(file);
}

function expectAgreement(store: TestStore): void {
  const view = store.view();
  expect(recordsOf(view, "key")).toBe(store.select("key"));
  const keys = store.keys("key");
  for (let i = 0; i < 4; i++) {
    const bounds = [0, 1].map(() => (i % 2 === 0 && keys[random.below(keys.length)]) || key());
    const [start, end] = bounds.sort(Buffer.compare);
    for (const range of [{ start, end }, { start }, { end }]) {
      expect(recordsOf(view, "key", range)).toBe(store.select("key", range));
    }
  }
  view.close();
}

function* records(count: number, valueBytes: () => number): Generator<[Buffer, Buffer]> {
  for (let i = 0; i < count; i++) yield [key(), value(valueBytes())];
}

/** Mostly short; some keys are longer than a page and many share a long beginning. */
function key(): Buffer {
  const kind = random.below(40);
  const end = part(1 + random.below(24));
  if (kind < 2) return Buffer.concat([material.subarray(0, 900 + 3_000 * kind), end]);
  return kind === 2 ? part(random.below(9_000)) : end;
}

function value(bytes: number): Buffer {
  return part(bytes);
}

function part(bytes: number): Buffer {
  const start = random.below(material.length - bytes + 1);
  return material.subarray(start, start + bytes);
}

function near(bytes: number, distance: number): number {
  return Math.max(0, bytes + random.below(2 * distance) - distance);
}

function depthOf(store: TestStore): number {
  const paths = store.writer.prepare("SELECT path FROM dbstat WHERE name = 'key'").pluck().all();
  return Math.max(
    ...(paths as string[]).map((path) => path.replace(/\+.*/, "").split("/").length - 1),
  );
}
