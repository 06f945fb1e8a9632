import { SimulatedClock } from "@kvorum/base";
import type { RawNode } from "@kvorum/raft";
import { beforeEach, describe, expect, test } from "vitest";
import { serverLimits } from "../limits.js";
import type { MemberOptions } from "../member-options.js";
import { encodeMembership } from "../storage/snap/membership-json.js";
import type { SnapStore } from "../storage/snap/snap-store.js";
import type { Wal } from "../storage/wal/wal.js";
import { LogCompactor } from "./log-compactor.js";

const COUNT = 100;
const CATCH_UP = 30;

let clock: SimulatedClock;
let events: string[];
let applied: { index: number; term: number };
let failing: string;
let isLogNeeded: boolean;
let matchedByAll: number;

beforeEach(() => {
  clock = new SimulatedClock();
  events = [];
  applied = { index: 0, term: 1 };
  failing = "";
  isLogNeeded = false;
  matchedByAll = 0;
});

function open(isPersistent = true): LogCompactor {
  const step = async (name: string) => {
    await Promise.resolve();
    if (name.startsWith(failing) && failing !== "") throw new Error(`${failing} failed`);
    events.push(name);
  };
  const quiet = () => {};
  const member: Partial<MemberOptions> = {
    ...{ clock, snapshotCountEntries: COUNT, snapshotCatchUpEntries: CATCH_UP },
    ...{ walsMax: 5, snapshotsMax: 4 },
    logger: {
      debug: quiet,
      info: (text) => {
        if (text.startsWith("skip")) events.push(text);
      },
      warn: (text) => void events.push(text),
      error: quiet,
      fatal: quiet,
    },
    onFault: (error) => void events.push(`fault: ${String(error)}`),
  };
  return new LogCompactor(
    {
      member: member as MemberOptions,
      node: {
        get matchedByAll() {
          return matchedByAll;
        },
        compact: (index) => void events.push(`compact ${index}`),
      } as RawNode,
      wal: {
        saveSnapshot: ({ index }) => step(`record ${index}`),
        releaseTo: (index) => void events.push(`release ${index}`),
        purge: (max) => step(`purge ${max} wal`).then(() => []),
      } as Pick<Wal, "saveSnapshot" | "releaseTo" | "purge"> as Wal,
      snaps: {
        save: ({ index, members }) =>
          step(`file ${index} of ${members.length} members`).then(() => ""),
        purge: (max) => step(`purge ${max} snap`).then(() => []),
      } as Pick<SnapStore, "save" | "purge"> as SnapStore,
      isPersistent,
      isLogNeeded: () => isLogNeeded,
      flush: () => step("flush"),
      applied: () => applied,
      confState: () => ({
        ...{ voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
      }),
      membership: () => ({ members: [], removed: [], clusterVersion: undefined }),
    },
    0,
  );
}

/** Entries up to `index` were applied. */
async function reach(compactor: LogCompactor, index: number): Promise<void> {
  applied = { index, term: 1 };
  compactor.applied(index);
  await clock.run(0);
}

const SNAPSHOT_AT_101 = [
  "flush",
  "file 101 of 0 members",
  "record 101",
  "release 101",
  `compact ${101 - CATCH_UP}`,
];

test("more than the count of entries make a snapshot: engine, file, record, and only then release", async () => {
  const compactor = open();
  await reach(compactor, COUNT);
  expect(events).toEqual([]);
  await reach(compactor, COUNT + 1);
  expect(events).toEqual(SNAPSHOT_AT_101);
  await reach(compactor, 2 * COUNT + 1);
  expect(events).toEqual(SNAPSHOT_AT_101);
  await reach(compactor, 2 * COUNT + 2);
  expect(events.slice(5, 7)).toEqual(["flush", "file 202 of 0 members"]);
});

test("while a member gets a snapshot, the entries behind it stay", async () => {
  isLogNeeded = true;
  const compactor = open();
  await reach(compactor, COUNT + 1);
  expect(events).toEqual([
    ...SNAPSHOT_AT_101.slice(0, 4),
    "skip compaction since there is an inflight snapshot",
  ]);
  isLogNeeded = false;
  await reach(compactor, 2 * COUNT + 2);
  expect(events.at(-1)).toBe(`compact ${202 - CATCH_UP}`);
});

test("between snapshots memory keeps what a member lacks, and what one that joins may begin with", async () => {
  const { logTrimEntries } = serverLimits;
  const compactor = open();
  // A snapshot is under way from here on, so nothing else compacts.
  applied = { index: CATCH_UP + logTrimEntries, term: 1 };
  compactor.applied(applied.index);
  matchedByAll = logTrimEntries - 1;
  compactor.applied(applied.index);
  expect(events).toEqual([]);
  matchedByAll = applied.index;
  compactor.applied(applied.index);
  expect(events).toEqual([`compact ${logTrimEntries}`]);
  compactor.applied(applied.index + logTrimEntries - 1);
  expect(events).toEqual([`compact ${logTrimEntries}`]);
  matchedByAll = 2 * logTrimEntries;
  compactor.applied(applied.index + 3 * logTrimEntries);
  expect(events).toEqual([`compact ${logTrimEntries}`, `compact ${2 * logTrimEntries}`]);
});

test("what is applied during a snapshot makes no second one at the same time", async () => {
  const compactor = open();
  applied = { index: 101, term: 1 };
  compactor.applied(101);
  applied = { index: 900, term: 1 };
  compactor.applied(900);
  await clock.run(0);
  expect(events).toEqual(SNAPSHOT_AT_101);
});

test("the record of a leader's snapshot stands behind that of an own one, which is older", async () => {
  const compactor = open();
  applied = { index: 101, term: 1 };
  compactor.applied(101);
  const confState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [] };
  const metadata = { index: 500, term: 2, confState: { ...confState, autoLeave: false } };
  const data = encodeMembership({ members: [], removed: [], clusterVersion: undefined });
  await compactor.saveReceived({ metadata, data });
  expect(events).toEqual([...SNAPSHOT_AT_101, "file 500 of 0 members", "record 500"]);
  compactor.release(500);
  await reach(compactor, 600);
  expect(events.at(-1)).toBe("release 500");
});

test("an engine that forgets keeps its whole log", async () => {
  const compactor = open(false);
  await reach(compactor, 1_000_000);
  expect(events).toEqual([]);
});

describe("a failure", () => {
  test.each(["flush", "file", "record"])(
    "of the %s is a fault, and nothing is released",
    async (what) => {
      failing = what;
      await reach(open(), 101);
      expect(events.at(-1)).toBe(`fault: Error: ${what} failed`);
      expect(events.join()).not.toMatch(/release|compact/);
    },
  );

  test("of a purge is a line in the log", async () => {
    open();
    failing = "purge";
    await clock.run(serverLimits.purgeMs);
    expect(events).toEqual(["failed to purge old files of the log"]);
  });
});

test("old files go every half a minute, until the stop, which waits for a snapshot", async () => {
  const compactor = open();
  await clock.run(serverLimits.purgeMs);
  expect(events).toEqual(["purge 5 wal", "purge 4 snap"]);
  applied = { index: 101, term: 1 };
  compactor.applied(101);
  await compactor.stop();
  expect(events.slice(2)).toEqual(SNAPSHOT_AT_101);
  await clock.run(serverLimits.purgeMs);
  expect(events.length).toBe(2 + SNAPSHOT_AT_101.length);
});
