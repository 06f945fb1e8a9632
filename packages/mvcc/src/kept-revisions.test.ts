import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import { KeptRevisions } from "./kept-revisions.js";

test("knows in ascending order what was added in any", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 1_000_000);
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const wanted = new Set<number>();
  const kept = new KeptRevisions();
  for (let i = 0; i < 150_000; i++) {
    const main = prng.below(1_000_000) * 2 ** 20;
    wanted.add(main);
    kept.add(main);
  }
  kept.seal();
  let wrong = 0;
  for (let i = 0; i < 1_000_000; i++) {
    const main = i * 2 ** 20;
    if (kept.has(main) !== wanted.has(main)) wrong++;
  }
  expect(wrong).toBe(0);
});

test("an empty one knows nothing", () => {
  const kept = new KeptRevisions();
  kept.seal();
  expect(kept.has(1)).toBe(false);
});
