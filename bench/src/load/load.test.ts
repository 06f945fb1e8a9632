import { createPrng, SimulatedClock } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import type { Call } from "../wire/call.js";
import type { ClientConnection } from "../wire/connection.js";
import { KeySpace } from "./key-space.js";
import { LatencyHistogram } from "./latency-histogram.js";
import { runOpenLoop } from "./open-loop.js";
import type { Operation } from "./operation.js";
import { Pace } from "./pace.js";
import { headerRevision, ProtoScan } from "./proto-scan.js";
import { RevisionSet } from "./revision-set.js";
import { Tally } from "./tally.js";
import { ValuePool } from "./value-pool.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe("LatencyHistogram", () => {
  it("tells percentiles to 0.1 % of the sorted values", () => {
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    const histogram = new LatencyHistogram();
    const us = Array.from({ length: 20_000 }, () => Math.round(10 ** (prng.float() * 6)));
    for (const value of us) histogram.record(value / 1000);
    us.sort((a, b) => a - b);
    for (const fraction of [0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = us[Math.ceil(fraction * us.length) - 1]!;
      expect(Math.abs(histogram.percentileUs(fraction) - exact)).toBeLessThanOrEqual(
        1 + exact / 1000,
      );
    }
    expect(histogram.summary().count).toBe(us.length);
  });

  it("adds up with another process's, sent as text", () => {
    const [one, two, both] = [1, 2, 3].map(() => new LatencyHistogram());
    for (let i = 0; i < 1000; i++) {
      (i % 3 === 0 ? one : two)!.record(i / 7);
      both!.record(i / 7);
    }
    one!.addText(two!.toText());
    expect(one!.summary()).toEqual(both!.summary());
    expect(one!.curve()).toEqual(both!.curve());
  });

  it("keeps what lies beyond its bounds at the bounds", () => {
    const histogram = new LatencyHistogram();
    histogram.record(-1);
    histogram.record(1e9);
    expect(histogram.percentileUs(0)).toBe(0);
    expect(histogram.count).toBe(2);
  });
});

describe("Pace", () => {
  it.each([
    [500, 1],
    [1000, 1],
    [1001, 1],
    [33_333, 1],
    [7, 10],
  ])("starts %i calls a second in groups every %i ms", (ratePerSecond, quantumMs) => {
    const pace = new Pace({ startMs: 100, ratePerSecond, quantumMs });
    let started = 0;
    let furthestMs = 0;
    for (let nowMs = 100; nowMs < 100 + 10_000; nowMs += quantumMs) {
      for (let due = pace.due(nowMs); due > 0; due--) {
        furthestMs = Math.max(furthestMs, Math.abs(pace.take() - nowMs));
        started++;
      }
    }
    expect(started).toBe(ratePerSecond * 10);
    // A timer that is in time finds each call meant for this very moment.
    expect(furthestMs).toBeLessThan(1e-6);
  });

  it("gives late calls their intended starts", () => {
    const pace = new Pace({ startMs: 0, ratePerSecond: 2000, quantumMs: 1 });
    expect(pace.due(2)).toBe(6);
    expect([1, 2, 3, 4, 5, 6].map(() => pace.take())).toEqual([0, 0, 1, 1, 2, 2]);
    expect(pace.due(2)).toBe(0);
  });
});

describe("runOpenLoop", () => {
  const operation: Operation = {
    ...{ path: "/x/Y", requestBytesMax: 0, makesRevision: false },
    write: (_into, at) => at,
    check: () => undefined,
  };

  /** Answers after `serviceMs`, but nothing from `stallsAtMs` until `resumesAtMs`. */
  async function run(stall?: { readonly atMs: number; readonly forMs: number }): Promise<Tally> {
    const clock = new SimulatedClock();
    const tally = new Tally(100);
    tally.measure(0, Number.POSITIVE_INFINITY);
    let arrivedMs = 0;
    const answer = (call: Call): void => {
      arrivedMs = clock.nowMs();
      call.onMessage(Buffer.alloc(0), 0, 0, connection);
      call.onEnd(0, "", connection);
    };
    const fake = {
      closedBecause: undefined,
      get arrivedMs() {
        return arrivedMs;
      },
      flush: () => undefined,
      start(call: Call) {
        call.write(Buffer.alloc(0), 0);
        const nowMs = clock.nowMs();
        const isStalled = stall && nowMs >= stall.atMs && nowMs < stall.atMs + stall.forMs;
        clock.after(isStalled ? stall.atMs + stall.forMs - nowMs : 1, () => answer(call));
      },
    };
    const connection = fake as unknown as ClientConnection;
    const done = runOpenLoop({
      ...{ connections: [connection], ratePerSecond: 1000, choose: () => operation, tally, clock },
      ...{ openCallsMax: 50, goesOn: () => clock.nowMs() < 1000 },
    });
    await clock.run(3000);
    await done;
    return tally;
  }

  it("makes every call of the schedule", async () => {
    const tally = await run();
    expect(tally.latencies.count).toBe(1000);
    expect(tally.latencies.summary()).toMatchObject({ p50Us: 1000, maxUs: 1000 });
  });

  it("counts a stall in every call that should have run meanwhile", async () => {
    const tally = await run({ atMs: 200, forMs: 500 });
    // No more than 50 calls were under way, and yet all that were due in 500 ms are late.
    const late = 1 - 0.5;
    expect(tally.latencies.percentileUs(late + 0.25)).toBeGreaterThan(200_000);
    expect(tally.latencies.percentileUs(0.999)).toBeGreaterThan(490_000);
    expect(tally.latencies.count).toBe(1000);
  });
});

describe("Tally", () => {
  it("counts what ends within the measured time, and errors at any time", () => {
    const tally = new Tally(100);
    tally.measure(1000, 1300);
    tally.success(990, 999);
    tally.success(999, 1000);
    tally.success(1100, 1250);
    tally.success(1200, 1300);
    tally.error("a wrong reply");
    expect(tally.latencies.count).toBe(2);
    expect(tally.errors).toEqual(new Map([["a wrong reply", 1]]));
    expect(tally.timeline(2000).map((point) => point.ratePerSecond)).toEqual([10, 0, 10]);
  });

  it("counts what begins within the measured time of an open loop, however late it ends", () => {
    const tally = new Tally(100);
    tally.measure(1000, 1300, "begins");
    tally.success(990, 1010);
    tally.success(1000, 1050);
    tally.success(1200, 9000);
    tally.success(1300, 1310);
    expect(tally.latencies.count).toBe(2);
    expect(tally.latencies.summary().maxUs).toBeGreaterThan(7_700_000);
    expect(tally.timeline(9000).map((point) => point.ratePerSecond)).toEqual([10, 0, 0]);
  });

  it("finds a revision that two writes were given", () => {
    const tally = new Tally(100);
    for (const revision of [100, 101, 99, 90, 102]) tally.revision(revision);
    expect(tally.errorCount).toBe(0);
    tally.revision(90);
    tally.revision(101);
    expect(tally.errorCount).toBe(2);
    expect(tally.writes).toBe(5);
  });
});

it("RevisionSet agrees with a plain set", () => {
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const set = new RevisionSet();
  const model = new Set<number>();
  let wrong = 0;
  for (let i = 0; i < 20_000; i++) {
    const revision = 5_000_000 + prng.below(i % 10 === 0 ? 3_000_000 : 5000);
    if (set.add(revision) === model.has(revision)) wrong++;
    model.add(revision);
  }
  expect(wrong).toBe(0);
  expect(set.count).toBe(model.size);
});

describe("keys and values", () => {
  it("orders keys as their numbers, in the wanted length", () => {
    const keys = new KeySpace({ count: 1000, keyBytes: 16 });
    expect(keys.key(7).toString()).toBe("key/ke0000000007");
    expect(Buffer.compare(keys.key(99), keys.key(100))).toBe(-1);
    const sequential = new KeySpace({ count: 3, keyBytes: 10, isSequential: true });
    const prng = createPrng(1);
    expect([1, 2, 3, 4].map(() => sequential.pick(prng))).toEqual([0, 1, 2, 0]);
    expect(sequential.key(2).toString()).toBe("0000000002");
  });

  it("fills values with as much random data as asked for", () => {
    const values = new ValuePool({ valueBytes: 100, entropy: 0.25, prng: createPrng(1) });
    const [one, two] = [Buffer.alloc(100), Buffer.alloc(100)];
    values.write(one, 0);
    values.write(two, 0);
    expect(one.subarray(0, 25).equals(two.subarray(0, 25))).toBe(false);
    expect(one.subarray(25).equals(two.subarray(25))).toBe(true);
  });
});

describe("replies", () => {
  it("finds the revision behind ids of ten bytes", () => {
    const id = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const header = [0x08, ...id, 0x10, ...id, 0x18, 0x80, 0x01, 0x20, 2];
    const reply = Buffer.from([0x0a, header.length, ...header]);
    expect(headerRevision(reply, 0, reply.length)).toBe(128);
    expect(headerRevision(Buffer.from([0x12, 0]), 0, 2)).toBe(-1);
  });

  it("refuses fields that end too late", () => {
    const scan = new ProtoScan().reset(Buffer.from([0x12, 5, 1]), 0, 3);
    expect(() => scan.next()).toThrow(/ends too late/);
  });
});
