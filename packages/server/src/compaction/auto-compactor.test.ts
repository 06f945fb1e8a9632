import { apiError } from "@kvorum/api";
import { SimulatedClock } from "@kvorum/base";
import { beforeEach, describe, expect, test } from "vitest";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { AutoCompactor, type AutoCompactorOptions } from "./auto-compactor.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let clock: SimulatedClock;
let compactions: string[];
let revision: number;
let isLeader: boolean;
let failure: Error | undefined;
let lines: string[];

beforeEach(() => {
  clock = new SimulatedClock();
  compactions = [];
  revision = 1;
  isLeader = true;
  failure = undefined;
  lines = [];
});

function begin(auto: AutoCompactorOptions["auto"]): AutoCompactor {
  return new AutoCompactor({
    ...{ auto, clock },
    logger: recordingLogger((level, message) => lines.push(`${level} ${message}`)),
    isLeader: () => isLeader,
    currentRevision: () => revision,
    compact: async (to) => {
      compactions.push(`${clock.nowMs() / MINUTE_MS} min: ${to}`);
      if (failure !== undefined) throw failure;
    },
  });
}

/** One revision a minute: the revision of minute n is n + 1. */
async function minutes(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await clock.run(MINUTE_MS);
    revision++;
  }
}

describe("periodic", () => {
  test("an hour is kept: nothing in the first, then once an hour what is older than that", async () => {
    begin({ mode: "periodic", retentionMs: HOUR_MS });
    await minutes(59);
    expect(compactions).toEqual([]);
    await minutes(122);
    expect(compactions).toEqual(["60 min: 1", "120 min: 54", "180 min: 114"]);
    expect(lines.slice(0, 2)).toEqual([
      "info starting auto periodic compaction",
      "info completed auto periodic compaction",
    ]);
  });

  test("a day is kept: nothing in the first, then every hour", async () => {
    begin({ mode: "periodic", retentionMs: 24 * HOUR_MS });
    await minutes(24 * 60 + 125);
    expect(compactions).toEqual(["1440 min: 1", "1500 min: 54", "1560 min: 114"]);
  });

  test("5 minutes are kept, compacted every 5 minutes", async () => {
    begin({ mode: "periodic", retentionMs: 5 * MINUTE_MS });
    await minutes(16);
    expect(compactions).toEqual(["5 min: 1", "10 min: 5", "15 min: 10"]);
  });

  test("nothing new, no second compaction; a failure is tried again a tenth later", async () => {
    failure = apiError("timeout");
    begin({ mode: "periodic", retentionMs: HOUR_MS });
    await clock.run(60 * MINUTE_MS);
    failure = undefined;
    await clock.run(200 * MINUTE_MS);
    expect(compactions).toEqual(["60 min: 1", "66 min: 1"]);
    expect(lines).toContain("warn failed auto periodic compaction");
  });

  test("compacted already is as good as done", async () => {
    failure = apiError("compacted");
    begin({ mode: "periodic", retentionMs: HOUR_MS });
    await clock.run(100 * MINUTE_MS);
    expect(compactions).toEqual(["60 min: 1"]);
  });

  test("a follower notes the revisions, and compacts at once when it comes to lead", async () => {
    isLeader = false;
    begin({ mode: "periodic", retentionMs: HOUR_MS });
    await minutes(90);
    isLeader = true;
    await minutes(7);
    expect(compactions).toEqual(["96 min: 30"]);
  });
});

describe("revision", () => {
  test("looks every 5 minutes and keeps the newest revisions", async () => {
    begin({ mode: "revision", retentionRevisions: 8 });
    await minutes(16);
    expect(compactions).toEqual(["10 min: 2", "15 min: 7"]);
  });

  test("nothing new, no second compaction; a failure is tried again at the next look", async () => {
    revision = 100;
    failure = apiError("timeout");
    begin({ mode: "revision", retentionRevisions: 10 });
    await clock.run(5 * MINUTE_MS);
    failure = undefined;
    await clock.run(20 * MINUTE_MS);
    expect(compactions).toEqual(["5 min: 90", "10 min: 90"]);
  });

  test("a follower does nothing", async () => {
    isLeader = false;
    revision = 100;
    begin({ mode: "revision", retentionRevisions: 10 });
    await clock.run(20 * MINUTE_MS);
    expect(compactions).toEqual([]);
  });
});

test("while one compaction hangs no other begins, and a stopped one begins none", async () => {
  let hanging = 0;
  const compactor = new AutoCompactor({
    auto: { mode: "revision", retentionRevisions: 1 },
    clock,
    logger: recordingLogger(() => {}),
    isLeader: () => true,
    currentRevision: () => ++revision + 10,
    compact: () => {
      hanging++;
      return new Promise(() => {});
    },
  });
  await clock.run(HOUR_MS);
  expect(hanging).toBe(1);
  compactor.stop();
  expect(clock.nextDueMs()).toBe(undefined);
});
