import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrng } from "@kvorum/base";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { noise, revisionKey } from "../conformance/model.js";
import type { FileView } from "./file-view.js";
import { type Records, recordsOf, TestStore } from "./test-store.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`KVORUM_SEED=${seed}`);
const random = createPrng(seed);
const material = noise(100_000, seed);
const parent = mkdtempSync(join(tmpdir(), "kvorum-snapshot-"));
let store: TestStore;
let stores = 0;

beforeEach(() => {
  store = new TestStore(join(parent, `${stores++}.sqlite`));
});
afterEach(() => store.close());
afterAll(() => rmSync(parent, { recursive: true }));

test("records that are in the journal alone", () => {
  put(0, 500);
  expect(statSync(store.file).size).toBeLessThan(20 * 4_096);
  expect(store.scan("key")).toBe(store.select("key"));
});

test("a journal that is partly, wholly and no more in the file", () => {
  put(0, 300);
  const early = store.view();
  const earlier = store.select("key");
  put(200, 600);
  // As far as the view before lets it.
  expect(checkpoint("PASSIVE").isDone).toBe(false);
  const late = store.view();
  const later = store.select("key");
  expect([recordsOf(early, "key"), recordsOf(late, "key")]).toEqual([earlier, later]);
  early.close();
  expect(checkpoint("PASSIVE").isDone).toBe(true);
  expect(recordsOf(late, "key")).toBe(later);
  // The view has its place in the journal, so this goes on behind it.
  put(100, 400);
  const last = store.view();
  const now = store.select("key");
  expect([recordsOf(late, "key"), recordsOf(last, "key")]).toEqual([later, now]);
  late.close();
  last.close();
  expect(checkpoint("TRUNCATE").isDone).toBe(true);
  expect(store.scan("key")).toBe(now);
});

test("a journal that begins anew under a view that needs none of it", () => {
  put(0, 500);
  expect(checkpoint("PASSIVE").isDone).toBe(true);
  const view = store.view();
  const expected = store.select("key");
  const journalBytes = statSync(`${store.file}-wal`).size;
  // Written over what was there.
  for (let i = 0; i < 4; i++) put(100 * i, 100 * i + 50);
  expect(statSync(`${store.file}-wal`).size).toBe(journalBytes);
  expect(store.select("key")).not.toBe(expected);
  expect(recordsOf(view, "key")).toBe(expected);
  expect(checkpoint("PASSIVE").isDone).toBe(false);
  expect(recordsOf(view, "key")).toBe(expected);
  view.close();
  expect(store.scan("key")).toBe(store.select("key"));
});

test("views stay as they are through any history", () => {
  const views: { readonly view: FileView; readonly expected: Records }[] = [];
  for (let step = 0; step < 250; step++) {
    const from = random.below(400);
    switch (random.below(8)) {
      case 0:
        checkpoint(["PASSIVE", "RESTART", "TRUNCATE"][random.below(3)]!);
        break;
      case 1:
        store.delete("key", store.keys("key").slice(from, from + 100));
        break;
      case 2:
        store.writer.exec(`PRAGMA incremental_vacuum(${1 + random.below(30)})`);
        break;
      case 3:
      case 4:
        views.push({ view: store.view(), expected: store.select("key") });
        break;
      case 5: {
        for (const { view, expected } of views.splice(random.below(views.length + 1), 1)) {
          expect(recordsOf(view, "key"), `step ${step}`).toBe(expected);
          view.close();
        }
        break;
      }
      default:
        put(from, from + random.below(40));
    }
  }
  for (const { view, expected } of views) {
    expect(recordsOf(view, "key")).toBe(expected);
    view.close();
  }
});

/** What happens just before SQLite is asked for its frames, and whether that must be noticed. */
const EVENTS: readonly (readonly [
  string,
  work: () => void,
  isNoticed: (inFile: boolean) => boolean,
])[] = [
  ["a commit", () => put(0, 20), () => true],
  ["a checkpoint", () => checkpoint("PASSIVE"), () => false],
  // Only when all of it is in the file; else the view, too, keeps it.
  ["a cut of the journal", () => checkpoint("TRUNCATE"), (inFile) => inFile],
  [
    "a journal that begins anew and grows to the same length",
    () => {
      const { frames } = checkpoint("PASSIVE");
      let i = 0;
      do store.put("key", [[revisionKey(0, 0), Buffer.of(i++)]]);
      while (checkpoint("NOOP").frames < frames);
    },
    () => true,
  ],
];

test.each(EVENTS)("%s while a view is being made", (_name, work, isNoticed) => {
  for (const call of [1, 2, 4, 5]) {
    const inFile = call < 3;
    put(0, 50);
    if (inFile) checkpoint("PASSIVE");
    let calls = 0;
    const view = store.view(() => {
      if (calls++ === call % 3) work();
    });
    expect(recordsOf(view, "key")).toBe(store.select("key"));
    // Three questions make a view.
    expect(calls, `call ${call}`).toBe(isNoticed(inFile) ? 6 : 3);
    view.close();
  }
});

/** Tries without waiting. */
function checkpoint(mode: string): { readonly frames: number; readonly isDone: boolean } {
  store.writer.pragma("busy_timeout = 0");
  const [row] = store.writer.pragma(`wal_checkpoint(${mode})`) as [
    { readonly log: number; readonly checkpointed: number },
  ];
  return { frames: row.log, isDone: row.log === row.checkpointed };
}

/** New values, some of them in overflow pages. */
function put(from: number, to: number): void {
  const records: [Buffer, Buffer][] = [];
  for (let i = from; i < to; i++) {
    const start = random.below(80_000);
    const bytes = random.below(random.below(10) === 0 ? 9_000 : 300);
    records.push([revisionKey(i, 0), material.subarray(start, start + bytes)]);
  }
  store.put("key", records);
}
