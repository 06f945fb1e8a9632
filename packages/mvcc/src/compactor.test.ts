import type { RawRangeResponse } from "@kvorum/api";
import { asBuffer, type Clock } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { limits } from "./limits.js";
import { FINISHED_COMPACT_KEY, SCHEDULED_COMPACT_KEY } from "./restore.js";
import { decodeMetaRevision } from "./revision-key.js";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, op, plain, putOf, rangeOf, txnOf } from "./testing/requests.js";

let opened: OpenedStore;
beforeEach(async () => {
  opened = await openStore();
});
afterEach(() => opened.close());

/** Records of bucket "key" in the engine, as main.sub with a t for tombstones. */
async function stored(): Promise<string[]> {
  await opened.buffered.flush();
  const view = await opened.backend.view();
  const names: string[] = [];
  for await (const { keys } of view.scan("key")) {
    for (const key of keys.map(asBuffer)) {
      const name = `${key.readBigUInt64BE(0)}.${key.readBigUInt64BE(9)}`;
      names.push(key.length === 18 ? `${name}t` : name);
    }
  }
  await view.close();
  return names;
}

function meta(): readonly number[] {
  return [SCHEDULED_COMPACT_KEY, FINISHED_COMPACT_KEY].map((key) =>
    decodeMetaRevision(opened.buffered.get("meta", key)),
  );
}

const values = (response: unknown): string[] =>
  (response as RawRangeResponse).kvs.map((kv) => plain(kv).value);

describe("what is kept", () => {
  beforeEach(() => {
    const { store } = opened;
    store.put(putOf("a", "1")); // 2
    store.put(putOf("a", "2")); // 3
    store.put(putOf("b", "1")); // 4
    store.deleteRange(deleteOf({ key: "b" })); // 5
    store.txn(txnOf([op.put(putOf("c", "1")), op.put(putOf("d", "1"))])); // 6
    store.deleteRange(deleteOf({ key: "c", rangeEnd: "\0" })); // 7
    store.put(putOf("b", "2")); // 8
  });

  test.each([
    [0, ["2.0", "3.0", "4.0", "5.0t", "6.0", "6.1", "7.0t", "7.1t", "8.0"]],
    [2, ["2.0", "3.0", "4.0", "5.0t", "6.0", "6.1", "7.0t", "7.1t", "8.0"]],
    [3, ["3.0", "4.0", "5.0t", "6.0", "6.1", "7.0t", "7.1t", "8.0"]],
    [5, ["3.0", "5.0t", "6.0", "6.1", "7.0t", "7.1t", "8.0"]],
    [6, ["3.0", "6.0", "6.1", "7.0t", "7.1t", "8.0"]],
    [7, ["3.0", "7.0t", "7.1t", "8.0"]],
    [8, ["3.0", "8.0"]],
  ])("at %d", async (revision, expected) => {
    const before = await opened.store.range(rangeOf({ key: "\0", rangeEnd: "\0" }, { revision }));
    await opened.store.compact(revision).done;
    expect(await stored()).toEqual(expected);
    const after = await opened.store.range(rangeOf({ key: "\0", rangeEnd: "\0" }, { revision }));
    expect(after).toEqual(before);
    expect(meta()).toEqual([revision, revision]);
    expect(opened.store.stat()).toMatchObject({
      compactRevision: revision,
      compactedRecords: 9 - expected.length,
      isCompacting: false,
    });
  });

  test("refuses what was compacted or is yet to come", async () => {
    const { store } = opened;
    expect(() => store.compact(-1)).toThrow("required revision has been compacted");
    expect(() => store.compact(9)).toThrow("required revision is a future revision");
    const { done } = store.compact(6);
    expect(() => store.compact(6)).toThrow("required revision has been compacted");
    expect(() => store.range(rangeOf({ key: "a" }, { revision: 5 }))).toThrow("compacted");
    expect(values(store.range(rangeOf({ key: "a" }, { revision: 6 })))).toEqual(["2"]);
    expect(store.keyValueAt("a", 5)).toBeUndefined();
    expect(plain(store.keyValueAt("a", 6)!).mod).toBe(3);
    await done;
    await store.compactionsDone();
  });
});

test("several compactions run in order while writes go on", async () => {
  const { store } = opened;
  const jobs: Promise<void>[] = [];
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 50; i++) store.put(putOf(`k${i}`, `${round}`));
    jobs.push(store.compact(store.currentRevision - 10).done);
  }
  await Promise.all(jobs);
  expect(values(await store.range(rangeOf({ key: "k", rangeEnd: "l" })))).toEqual(
    Array.from({ length: 50 }, () => "4"),
  );
  // Per key its newest, and the ten before that are newer than the last compaction.
  expect((await stored()).length).toBe(60);
});

test("a restart resumes what a crash has interrupted", async () => {
  for (let i = 0; i < 20; i++) opened.store.put(putOf("a", `${i}`));
  await opened.buffered.flush();
  let pauses = 0;
  // Never comes back from its first pause: the process ends there.
  const stuck: Clock = {
    ...nodeClock,
    soon: (callback) => nodeClock.soon(callback),
    after: () => {
      pauses++;
      return { clear() {} };
    },
  };
  const { disk } = opened;
  await opened.close();
  const crashed = await openStore({
    disk,
    store: { clock: stuck, compactionBatchLimit: 3 },
  });
  crashed.store.compact(15);
  while (pauses === 0) await new Promise((resolve) => setImmediate(resolve));
  await crashed.buffered.flush();
  disk.crash();

  opened = await openStore({ disk });
  expect(opened.store.compactRevision).toBe(15);
  await opened.store.compactionsDone();
  expect(await stored()).toEqual(["15.0", "16.0", "17.0", "18.0", "19.0", "20.0", "21.0"]);
  expect(meta()).toEqual([15, 15]);
  // Such a hash does not cover every revision since the last compaction.
  expect(opened.store.compactionHashes()).toEqual([]);
});

test("closing stops a compaction, which the next open resumes", async () => {
  for (let i = 0; i < 20; i++) opened.store.put(putOf("a", `${i}`));
  const { done } = opened.store.compact(15);
  const failed = expect(done).rejects.toMatchObject({ code: "CLOSED" });
  await opened.close();
  await failed;
  opened = await openStore({ disk: opened.disk });
  await opened.store.compactionsDone();
  expect((await stored())[0]).toBe("15.0");
});

test("the revision survives when a compaction removes the last record", async () => {
  opened.store.put(putOf("a", "1"));
  opened.store.deleteRange(deleteOf({ key: "a" }));
  opened.store.put(putOf("b", "1"));
  opened.store.deleteRange(deleteOf({ key: "b" }));
  await opened.store.compact(5).done;
  expect(await stored()).toEqual(["5.0t"]);
  await opened.close();
  opened = await openStore({ disk: opened.disk });
  expect(opened.store.currentRevision).toBe(5);
  expect(opened.store.put(putOf("c", "1")).revision).toBe(6);
});

test("a long range keeps its revision while it is compacted away", async () => {
  const { store } = opened;
  const keys = limits.rangeChunkUnits / limits.rangeFetchUnits + 500;
  for (let i = 0; i < keys; i++) store.put(putOf(`k${i}`, "old"));
  const reply = store.range(rangeOf({ key: "k", rangeEnd: "l" }));
  expect(reply).toBeInstanceOf(Promise);
  for (let i = 0; i < keys; i++) store.put(putOf(`k${i}`, "new"));
  store.deleteRange(deleteOf({ key: "k0", rangeEnd: "k5" }));
  store.put(putOf("kk", "new"));
  const { done } = store.compact(store.currentRevision);
  const { kvs, count, revision } = await reply;
  expect([count, kvs.length, revision]).toEqual([keys, keys, keys + 1]);
  expect(new Set(kvs.map((kv) => plain(kv).value))).toEqual(new Set(["old"]));
  await done;
  expect((await store.range(rangeOf({ key: "k0", rangeEnd: "k5" }))).count).toBe(0);
});

describe("beside other work", () => {
  /** Tells how long each pause was to be; every look at the time is 0.1 ms after the last. */
  class WorkingClock {
    readonly delaysMs: number[] = [];
    #nowMs = 0;
    duringPause = (): void => {};
    readonly clock: Clock = {
      ...nodeClock,
      nowMs: () => {
        this.#nowMs += 0.1;
        return this.#nowMs;
      },
      after: (delayMs, callback) => {
        this.delaysMs.push(delayMs);
        this.duringPause();
        nodeClock.soon(callback);
        return { clear() {} };
      },
    };
  }

  async function openWorking(clock: WorkingClock): Promise<void> {
    await opened.close();
    const store = { clock: clock.clock, compactionSleepMs: 1, compactionBatchLimit: 1_024 };
    opened = await openStore({ store });
    opened.sink.isWatched = false;
  }

  function put(count: number): void {
    for (let i = 0; i < count; i++) opened.store.put(putOf("a", "1"));
  }

  test("pauses as short as they may be while nobody uses the store", async () => {
    const working = new WorkingClock();
    await openWorking(working);
    put(5 * 1_024);
    await opened.store.compact(5 * 1_024).done;
    // The first belongs to the index.
    expect(working.delaysMs.slice(1)).toEqual([1, 1, 1, 1, 1]);
  });

  test("pauses twenty times as long as it worked, deletions counted", async () => {
    const working = new WorkingClock();
    await openWorking(working);
    working.duringPause = () => put(limits.compactionIdleOperations + 1);
    put(5 * 1_024);
    await opened.store.compact(5 * 1_024).done;
    const slices = working.delaysMs.slice(1);
    expect(slices).toHaveLength(5);
    // Per slice 0.1 ms of work and 1,022 deletions or more, and up to 0.1 ms of the scan.
    for (const delayMs of slices) {
      expect(delayMs).toBeGreaterThan(20 * (0.1 + 1_022 * 0.002 - 0.001));
      expect(delayMs).toBeLessThan(20 * (0.1 + 1_024 * 0.002 + 0.1));
    }
  });

  test("pauses no more when many revisions have come meanwhile", async () => {
    const working = new WorkingClock();
    await openWorking(working);
    put(10_000);
    let pauses = 0;
    working.duringPause = () => {
      if (++pauses === 3) put(2 * limits.compactionPatienceMin);
      else put(limits.compactionIdleOperations + 1);
    };
    await opened.store.compact(10_000).done;
    expect(pauses).toBe(3);
    expect((await stored())[0]).toBe("10000.0");
  });

  test("does those together that are asked for while one goes on", async () => {
    const revisions: unknown[] = [];
    await opened.close();
    opened = await openStore({
      store: {
        log: (message, fields) => {
          if (message.startsWith("finished")) revisions.push(fields["compact-revision"]);
        },
      },
    });
    put(20);
    const first = opened.store.compact(5);
    const { done } = opened.store.compact(10);
    await new Promise((resolve) => setImmediate(resolve));
    const later = [11, 12, 13].map((revision) => opened.store.compact(revision).done);
    await Promise.all([first.done, done, ...later]);
    expect(revisions).toEqual([10, 13]);
    expect((await stored())[0]).toBe("13.0");
    expect(meta()).toEqual([13, 13]);
  });

  test("takes several batches from one view, and closes it before it works on them", async () => {
    const working = new WorkingClock();
    await openWorking(working);
    const { backend } = opened;
    const open = backend.view.bind(backend);
    let views = 0;
    let openViews = 0;
    backend.view = async () => {
      const view = await open();
      views++;
      openViews++;
      const close = view.close.bind(view);
      view.close = async () => {
        openViews--;
        await close();
      };
      return view;
    };
    working.duringPause = () => expect(openViews).toBe(0);
    const records = (limits.compactionViewBatches + 1) * SCAN_BATCH_RECORDS;
    put(records);
    await opened.store.compact(records).done;
    // The last one finds nothing more.
    expect(views).toBe(3);
    expect(await stored()).toEqual([`${records}.0`, `${records + 1}.0`]);
  });
});

/** Of the memory engine, as every engine's at most. */
const SCAN_BATCH_RECORDS = 4_096;
