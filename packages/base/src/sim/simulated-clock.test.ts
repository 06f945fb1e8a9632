import { describe, expect, test } from "vitest";
import { SimulatedClock } from "./simulated-clock.js";

describe("SimulatedClock", () => {
  test("fires timers in order of their time, ties in the order of setting", () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push(`b@${clock.nowMs()}`));
    clock.after(10, () => fired.push(`a@${clock.nowMs()}`));
    clock.after(20, () => fired.push(`c@${clock.nowMs()}`));
    clock.after(21, () => fired.push("never"));
    clock.advance(20);
    expect(fired).toEqual(["a@10", "b@20", "c@20"]);
    expect(clock.nowMs()).toBe(20);
    expect(clock.nextDueMs()).toBe(21);
  });

  test("runs a timer set by a callback when it falls within the same advance", () => {
    const clock = new SimulatedClock();
    const fired: number[] = [];
    clock.after(5, () => clock.after(5, () => fired.push(clock.nowMs())));
    clock.advance(10);
    expect(fired).toEqual([10]);
  });

  test("repeats until cleared and never fires a cleared timer", () => {
    const clock = new SimulatedClock();
    let ticks = 0;
    const timer = clock.every(10, () => {
      if (++ticks === 3) timer.clear();
    });
    const once = clock.after(15, () => {
      ticks += 100;
    });
    once.clear();
    once.clear();
    clock.advance(1000);
    expect(ticks).toBe(3);
    expect(clock.nextDueMs()).toBeUndefined();
  });

  test("soon comes before timers; the wall clock jumps alone", () => {
    const clock = new SimulatedClock(1000);
    const fired: string[] = [];
    clock.after(0, () => fired.push("timer"));
    clock.soon(() => fired.push("soon"));
    clock.advance(0);
    expect(fired).toEqual(["soon", "timer"]);
    clock.jumpWall(-500);
    expect([clock.wallMs(), clock.nowMs()]).toEqual([500, 0]);
  });

  test("run lets promises go on between callbacks", async () => {
    const clock = new SimulatedClock();
    const seen: number[] = [];
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve));
    void (async () => {
      await sleep(3);
      seen.push(clock.nowMs());
      await sleep(4);
      seen.push(clock.nowMs());
    })();
    await clock.run(10);
    expect(seen).toEqual([3, 7]);
    expect(clock.nowMs()).toBe(10);
  });
});
