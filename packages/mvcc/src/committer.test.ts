import { type Clock, utf8 } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { beforeEach, describe, expect, test } from "vitest";
import { BufferedBackend, type BufferedBackendOptions } from "./committer.js";
import { limits } from "./limits.js";
import { encodeRevisionKey } from "./revision-key.js";
import { ManualBackend, turns } from "./testing/manual-backend.js";

let manual: ManualBackend;
let timers: { delayMs: number; callback: () => void }[];
let faults: unknown[];
beforeEach(async () => {
  manual = await ManualBackend.open();
  timers = [];
  faults = [];
});

/** Timers run by hand; turns are real. */
const clock: Clock = {
  ...nodeClock,
  soon: (callback) => nodeClock.soon(callback),
  nowMs: () => 5,
  after(delayMs, callback) {
    const timer = { delayMs, callback };
    timers.push(timer);
    return {
      clear() {
        timers = timers.filter((other) => other !== timer);
      },
    };
  },
};

function open(options: Partial<BufferedBackendOptions> = {}): BufferedBackend {
  const { backend } = manual;
  return new BufferedBackend({ backend, clock, onFault: (e) => faults.push(e), ...options });
}

const put = (store: BufferedBackend, key: string, value: string): void =>
  store.put("meta", utf8(key), utf8(value));
const get = (store: BufferedBackend, key: string): string | undefined => {
  const value = store.get("meta", utf8(key));
  return value && Buffer.from(value).toString();
};

describe("reads", () => {
  test("go through active, flushing and engine, and see deletions", async () => {
    const store = open();
    put(store, "a", "1");
    put(store, "b", "1");
    const flushed = store.flush();
    await turns();
    expect(manual.underWay).toBe(1);
    put(store, "a", "2");
    store.delete("meta", utf8("b"));
    expect([get(store, "a"), get(store, "b")]).toEqual(["2", undefined]);
    await manual.settle();
    await flushed;
    expect([get(store, "a"), get(store, "b")]).toEqual(["2", undefined]);
    const last = store.flush();
    await turns();
    await manual.settle();
    await last;
    expect([get(store, "a"), get(store, "b")]).toEqual(["2", undefined]);
  });

  test("find records by revision and by key, tombstones only by key", async () => {
    const store = open();
    store.putRecord(5, 0, utf8("five"), false);
    store.putRecord(5, 1, utf8("gone"), true);
    expect(store.bufferedRecord(5, 0)).toEqual(utf8("five"));
    expect(store.bufferedRecord(4, 0)).toBeUndefined();
    expect(store.bufferedRecord(5, 2)).toBeUndefined();
    expect(store.get("key", encodeRevisionKey(5, 1, true))).toEqual(utf8("gone"));
    expect(store.get("key", encodeRevisionKey(5, 1))).toBeUndefined();
    const flushed = store.flush();
    await turns();
    await manual.settle();
    await flushed;
    expect(store.bufferedRecord(5, 0)).toBeUndefined();
    expect(store.engineRecord(5, 0)).toEqual(utf8("five"));
  });

  test("entries and views hold what was written before", async () => {
    const store = open();
    expect(await store.entries("alarm")).toEqual([]);
    expect(manual.commits).toHaveLength(0);
    store.put("alarm", utf8("x"), utf8(""));
    const entries = store.entries("alarm");
    await turns();
    await manual.settle();
    expect((await entries).map(([key]) => Buffer.from(key).toString())).toEqual(["x"]);
  });
});

describe("commits", () => {
  test("begin an interval after the first write, one at a time", async () => {
    const store = open({ commitIntervalMs: 70 });
    put(store, "a", "1");
    put(store, "b", "1");
    expect(timers.map(({ delayMs }) => delayMs)).toEqual([70]);
    timers[0]!.callback();
    expect(manual.commits.map((ops) => ops.length)).toEqual([2]);
    put(store, "c", "1");
    expect(timers).toEqual([]);
    await manual.settle();
    await turns();
    expect(timers.map(({ delayMs }) => delayMs)).toEqual([70]);
  });

  test("begin in a later turn once the operations are many, never amid one", async () => {
    const store = open({ commitOpsMax: 3 });
    for (const key of ["a", "b", "c", "d"]) put(store, key, "1");
    expect(manual.underWay).toBe(0);
    await turns();
    expect(manual.commits.map((ops) => ops.length)).toEqual([4]);
    for (const key of ["a", "b", "c"]) put(store, key, "2");
    await turns();
    expect(manual.underWay).toBe(1);
    await manual.settle();
    await turns();
    expect(manual.commits.map((ops) => ops.length)).toEqual([4, 3]);
  });

  test("carry what the hook adds at that moment, also when nothing else is written", async () => {
    let index = 7;
    const infos: unknown[] = [];
    const store = open({
      beforeCommit: (add) => add("meta", utf8("consistent_index"), utf8(`${index}`)),
      afterCommit: (info) => infos.push(info),
    });
    put(store, "a", "1");
    const first = store.flush();
    await turns();
    index = 8;
    put(store, "a", "2");
    await manual.settle();
    await first;
    expect(Buffer.from(manual.backend.get("meta", utf8("consistent_index"))!).toString()).toBe("7");
    expect(Buffer.from(manual.backend.get("meta", utf8("a"))!).toString()).toBe("1");
    const second = store.flush();
    await turns();
    await manual.settle();
    await second;
    const third = store.flush();
    await turns();
    await manual.settle();
    await third;
    expect(infos).toEqual([
      { durationMs: 0, ops: 2 },
      { durationMs: 0, ops: 2 },
      { durationMs: 0, ops: 1 },
    ]);
  });

  test("write records in revision order under their full keys", async () => {
    const store = open();
    store.putRecord(5, 0, utf8("x"), false);
    store.putRecord(5, 1, utf8("y"), true);
    store.putRecord(7, 0, utf8("z"), false);
    store.delete("key", encodeRevisionKey(2, 0));
    const flushed = store.flush();
    await turns();
    expect(manual.commits[0]!.map(({ key, value }) => [key, value])).toEqual([
      [encodeRevisionKey(5, 0), utf8("x")],
      [encodeRevisionKey(5, 1, true), utf8("y")],
      [encodeRevisionKey(7, 0), utf8("z")],
      [encodeRevisionKey(2, 0), undefined],
    ]);
    expect(store.get("key", encodeRevisionKey(2, 0))).toBeUndefined();
    await manual.settle();
    await flushed;
    expect(() => store.putRecord(9, 1, utf8("x"), false)).toThrow("out of order");
  });
});

test("gathers many operations in slices, and commits them at once", async () => {
  const most = limits.commitSliceOps;
  const store = open();
  store.deleteRecord(1, 0, true);
  for (let i = 0; i < most; i++) store.deleteRecord(2, i, false);
  for (let sub = 0; sub < most - 10; sub++) store.putRecord(7, sub, utf8(`${sub}`), sub % 3 === 0);
  for (let main = 8; main < 30; main++) store.putRecord(main, 0, utf8("single"), false);
  put(store, "a", "1");
  const flushed = store.flush();
  await turns(1);
  expect(manual.commits).toHaveLength(0);
  // Neither what is being gathered nor what comes meanwhile is lost, or goes with the other.
  store.putRecord(31, 0, utf8("later"), false);
  expect(store.bufferedRecord(7, most - 11)).toEqual(utf8(`${most - 11}`));
  await turns(4);
  const records = Array.from({ length: most - 10 }, (_, sub) => {
    const key = encodeRevisionKey(7, sub, sub % 3 === 0).toString("hex");
    return `${key} ${sub}`;
  });
  for (let main = 8; main < 30; main++) {
    records.push(`${encodeRevisionKey(main, 0).toString("hex")} single`);
  }
  records.push(`${encodeRevisionKey(1, 0, true).toString("hex")} -`);
  for (let i = 0; i < most; i++) records.push(`${encodeRevisionKey(2, i).toString("hex")} -`);
  records.push(`${utf8("a").toString("hex")} 1`);
  const made = manual.commits.map((ops) =>
    ops.map(({ key, value }) => {
      const text = value === undefined ? "-" : Buffer.from(value).toString();
      return `${Buffer.from(key).toString("hex")} ${text}`;
    }),
  );
  // Compared as one, because a difference of so many lines is slow to print.
  expect(made.map((lines) => lines.length)).toEqual([records.length]);
  expect(made[0]!.findIndex((line, i) => line !== records[i])).toBe(-1);
  await manual.settle();
  await flushed;
  const last = store.flush();
  await turns();
  expect(manual.commits[1]).toHaveLength(1);
  await manual.settle();
  await last;
});

test("a flush during a commit waits for the next one", async () => {
  const store = open();
  put(store, "a", "1");
  const first = store.flush();
  await turns();
  put(store, "b", "1");
  let isSecondDone = false;
  const second = store.flush().then(() => {
    isSecondDone = true;
  });
  await manual.settle();
  await first;
  await turns();
  expect([isSecondDone, manual.underWay]).toEqual([false, 1]);
  await manual.settle();
  await second;
  expect(get(store, "b")).toBe("1");
});

test("a fault is told once and fails flushes before and after", async () => {
  const store = open();
  put(store, "a", "1");
  const first = store.flush();
  await turns();
  const second = store.flush();
  const results = Promise.allSettled([first, second]);
  manual.fail(new Error("the disk broke"));
  expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(faults).toEqual([new Error("the disk broke")]);
  await expect(store.flush()).rejects.toMatchObject({ code: "CLOSED" });
  expect(get(store, "a")).toBe("1");
  put(store, "b", "1");
  expect(timers).toEqual([]);
  await store.close();
});

test("pressure is on while too much waits", async () => {
  const store = open();
  store.put("meta", utf8("a"), Buffer.alloc(limits.bufferedBytesPressure));
  expect(store.pressure).toBe(true);
  const flushed = store.flush();
  await turns();
  expect(store.pressure).toBe(true);
  await manual.settle();
  await flushed;
  expect([store.pressure, store.bufferedBytes]).toEqual([false, 0]);
});

test("close commits what is buffered", async () => {
  const store = open();
  put(store, "a", "1");
  const closed = store.close();
  await turns();
  expect(manual.commits).toHaveLength(1);
  await manual.settle();
  await closed;
  await expect(store.flush()).rejects.toMatchObject({ code: "CLOSED" });
});

test("close gives the engine free when its last commit fails", async () => {
  const store = open();
  put(store, "a", "1");
  const closed = store.close();
  const refused = expect(closed).rejects.toMatchObject({ cause: { message: "the disk broke" } });
  await turns();
  manual.fail(new Error("the disk broke"));
  await refused;
  await expect(manual.backend.view()).rejects.toMatchObject({ code: "CLOSED" });
});
