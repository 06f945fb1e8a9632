import { createPrng } from "@kvorum/base";
import { expect, it } from "vitest";
import { TimeHeap } from "./time-heap.js";

it("gives back items in order of time", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const heap = new TimeHeap<number>();
  const model: number[] = [];
  for (let i = 0; i < 5_000; i++) {
    if (prng.below(5) < 3) {
      const time = prng.below(1_000);
      heap.push(time, time);
      model.push(time);
      model.sort((left, right) => left - right);
    } else {
      expect(heap.firstMs).toBe(model[0] ?? Number.POSITIVE_INFINITY);
      expect(heap.pop()).toBe(model.shift());
    }
    expect(heap.size).toBe(model.length);
  }
});

it("sweeps out what is dead and keeps the order of the rest", () => {
  const heap = new TimeHeap<string>();
  for (const time of [5, 1, 4, 2, 3]) heap.push(time, `item ${time}`);
  heap.sweep((time) => time % 2 === 1);
  expect([heap.pop(), heap.pop(), heap.pop(), heap.pop()]).toEqual([
    "item 1",
    "item 3",
    "item 5",
    undefined,
  ]);
});
