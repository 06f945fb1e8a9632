import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import { SteppedSort } from "./stepped-sort.js";

interface Item {
  readonly rank: number;
  readonly place: number;
}

test("sorts like the native sort, equal ones in their order, whatever the steps", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  for (const length of [0, 1, 2, 255, 256, 257, 511, 512, 513, 1_500, 5_000]) {
    for (const ranks of [1, 40, 1_000_000]) {
      const items = Array.from({ length }, (_, place) => ({ rank: prng.below(ranks), place }));
      const compare = (left: Item, right: Item): number => left.rank - right.rank;
      const expected = items.toSorted(compare);
      const sort = new SteppedSort(items, compare);
      const most = [1, 100, Number.POSITIVE_INFINITY][prng.below(3)]!;
      while (!sort.step(most));
      expect({ length, most, items: sort.items }).toEqual({ length, most, items: expected });
    }
  }
});

test("asks for few comparisons in a step", () => {
  const prng = createPrng(1);
  const items = Array.from({ length: 20_000 }, () => prng.below(1_000));
  let compared = 0;
  let comparedMax = 0;
  const sort = new SteppedSort(items, (left, right) => {
    compared++;
    return left - right;
  });
  for (let isSorted = false; !isSorted; ) {
    compared = 0;
    isSorted = sort.step(200);
    comparedMax = Math.max(comparedMax, compared);
  }
  // A run of 256 takes some 2,000, and a step may end one and begin the next.
  expect(comparedMax).toBeLessThan(6_000);
  expect(sort.items.length).toBe(20_000);
});
