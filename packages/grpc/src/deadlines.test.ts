import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { type DeadlineEntry, DeadlineWheel } from "./deadlines.js";
import { FakeClock, testSeed } from "./testing/harness.js";

function entry(deadlineMs: number, expire: () => void): DeadlineEntry {
  return { deadlineMs, expire, wheelNext: undefined, wheelPrevious: undefined, wheelSlot: -1 };
}

describe("DeadlineWheel", () => {
  it("fires every entry once, never early, at most two slots late", () => {
    const seed = testSeed();
    console.log(`KVORUM_SEED=${seed}`);
    const prng = createPrng(seed);
    const clock = new FakeClock();
    const wheel = new DeadlineWheel(clock, 10);
    const latenessMs: number[] = [];
    let expected = 0;
    let removed = 0;
    for (let step = 0; step < 2000; step++) {
      const deadlineMs = clock.nowMs() + prng.float() * (step % 10 === 0 ? 20_000 : 300);
      const added = entry(deadlineMs, () => latenessMs.push(clock.nowMs() - deadlineMs));
      wheel.add(added);
      expected++;
      if (prng.below(4) === 0) {
        wheel.remove(added);
        wheel.remove(added);
        removed++;
      }
      clock.advance(prng.below(30));
    }
    clock.advance(30_000);
    expect(latenessMs.length).toBe(expected - removed);
    expect(Math.min(...latenessMs)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...latenessMs)).toBeLessThanOrEqual(20);
    expect(wheel.size).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("fires what has passed already at the next tick", () => {
    const clock = new FakeClock();
    const wheel = new DeadlineWheel(clock, 10);
    let fired = 0;
    wheel.add(entry(0, () => fired++));
    clock.advance(20);
    expect(fired).toBe(1);
  });

  it("catches up after a long stop of the process", () => {
    const clock = new FakeClock();
    const wheel = new DeadlineWheel(clock, 10);
    const fired: number[] = [];
    for (const ms of [50, 5_000, 9_000, 100_000]) {
      wheel.add(entry(clock.nowMs() + ms, () => fired.push(ms)));
    }
    clock.stall(9_001);
    clock.advance(10);
    // What is overdue at the same tick fires in any order.
    expect(fired.sort((a, b) => a - b)).toEqual([50, 5_000, 9_000]);
    clock.advance(100_000);
    expect(fired).toEqual([50, 5_000, 9_000, 100_000]);
  });

  it("lets one expiry remove another entry", () => {
    const clock = new FakeClock();
    const wheel = new DeadlineWheel(clock, 10);
    let fired = 0;
    const entries: DeadlineEntry[] = [];
    for (let i = 0; i < 2; i++) {
      entries.push(
        entry(clock.nowMs() + 5, () => {
          fired++;
          for (const other of entries) wheel.remove(other);
        }),
      );
    }
    for (const added of entries) wheel.add(added);
    clock.advance(50);
    expect(fired).toBe(1);
  });
});
