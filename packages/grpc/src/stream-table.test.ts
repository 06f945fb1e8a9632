import { createPrng } from "@kvorum/base";
import { expect, it } from "vitest";
import { StreamTable } from "./stream-table.js";

it("holds what a Map holds, through growing and shrinking", () => {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const table = new StreamTable<{ readonly id: number }>();
  const model = new Map<number, { readonly id: number }>();
  let nextId = 1;
  for (let step = 0; step < 40_000; step++) {
    // Long stretches in which streams gather, then ones in which they end.
    const opens = prng.below(10) < (Math.floor(step / 4_000) % 2 === 0 ? 7 : 1);
    if (opens) {
      const stream = { id: nextId };
      nextId += 2 * (1 + prng.below(3));
      table.add(stream);
      model.set(stream.id, stream);
    } else {
      // Any id of the last ones: of an open stream, or of one that has ended.
      const id = Math.max(1, nextId - prng.below(6_000)) | 1;
      table.delete(id);
      model.delete(id);
    }
    if (step % 400 !== 0) continue;
    const ids = table.values().map(({ id }) => id);
    expect(ids.sort((left, right) => left - right)).toEqual([...model.keys()]);
    expect([...model.values()].filter((stream) => table.get(stream.id) !== stream)).toEqual([]);
    expect(table.size).toBe(model.size);
  }
});
