import { createPrng } from "@kvorum/base";
import { expect, it } from "vitest";
import { type Interval, IntervalTree } from "./interval-tree.js";

const POINTS = Array.from({ length: 40 }, (_, i) => String.fromCharCode(65 + i));

function holds({ key, end }: Interval, point: string): boolean {
  return point >= key && (end === "" || point < end!);
}

it("finds the same intervals as a list does", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const tree = new IntervalTree<Interval>();
  const list: Interval[] = [];
  let found = 0;
  for (let i = 0; i < 4_000; i++) {
    if (prng.below(5) < 3 && list.length < 200) {
      const start = prng.below(POINTS.length);
      const end = prng.below(8) === 0 ? "" : POINTS[start + 1 + prng.below(POINTS.length - start)];
      const interval = { key: POINTS[start]!, end: end ?? "" };
      const known = list.find(({ key, end }) => key === interval.key && end === interval.end);
      expect(tree.find(interval)).toBe(known);
      if (known === undefined) {
        tree.insert(interval);
        list.push(interval);
      }
    } else if (list.length > 0) {
      const [gone] = list.splice(prng.below(list.length), 1);
      tree.remove(gone!);
    }
    expect(tree.size).toBe(list.length);
    const point = POINTS[prng.below(POINTS.length)]!;
    const hits: Interval[] = [];
    tree.stab(point, hits);
    expect(new Set(hits)).toEqual(new Set(list.filter((interval) => holds(interval, point))));
    expect(new Set(hits).size).toBe(hits.length);
    found += hits.length;
  }
  expect(found).toBeGreaterThan(1_000);
});

it("holds thousands of intervals that come in order", () => {
  const tree = new IntervalTree<Interval>();
  const name = (i: number) => `k${String(i).padStart(6, "0")}`;
  for (let i = 0; i < 50_000; i++) tree.insert({ key: name(i), end: name(i + 1) });
  const hits: Interval[] = [];
  tree.stab(name(33_333), hits);
  expect(hits).toEqual([{ key: name(33_333), end: name(33_334) }]);
});
