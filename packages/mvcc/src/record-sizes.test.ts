import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import type { RecordSizes, SizeClass } from "./record-sizes.js";
import { type OpenedStore, openStore } from "./testing/open-store.js";
import { deleteOf, putOf } from "./testing/requests.js";

/** What a scan finds, in the classes of `like`. */
async function scanned(opened: OpenedStore, like: readonly SizeClass[]): Promise<SizeClass[]> {
  const found = like.map(({ atMostBytes }) => ({ atMostBytes, count: 0, bytes: 0 }));
  const view = await opened.buffered.view();
  for await (const { keys, values } of view.scan("key")) {
    keys.forEach((key, i) => {
      const bytes = key.length + values[i]!.length;
      const own = found.find(({ atMostBytes }) => bytes <= atMostBytes)!;
      own.count++;
      own.bytes += bytes;
    });
  }
  await view.close();
  return found;
}

const held = (sizes: RecordSizes) => sizes.heldSince(sizes.removed());

test("counts what a scan would find, over puts, deletions, compactions and restarts", async () => {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  let opened = await openStore();
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 60; i++) {
      const key = `key-${prng.below(40)}`;
      const value = "v".repeat(prng.below(8) === 0 ? prng.below(9_000) : prng.below(400));
      if (prng.below(4) === 0) opened.store.deleteRange(deleteOf({ key }));
      else opened.store.put(putOf(key, value));
    }
    if (round % 3 === 1) {
      const { currentRevision } = opened.store;
      await opened.store.compact(currentRevision - prng.below(50)).done;
    }
    if (round % 4 === 3) {
      await opened.close();
      opened = await openStore({ disk: opened.disk });
    }
    const now = held(opened.buffered.sizes);
    expect(await scanned(opened, now), `round ${round}`).toEqual(now);
  }
  await opened.close();
});

test("a view's bound has the puts that came after it, and not the deletions", async () => {
  const opened = await openStore();
  for (let i = 0; i < 20; i++) opened.store.put(putOf("a", "x".repeat(50)));
  const { sizes } = opened.buffered;
  const before = held(sizes);
  const removed = sizes.removed();
  await opened.store.compact(opened.store.currentRevision).done;
  expect(sizes.heldSince(removed)).toEqual(before);
  opened.store.put(putOf("b", "x".repeat(50)));
  const total = (classes: readonly SizeClass[]) => classes.reduce((sum, one) => sum + one.count, 0);
  expect(total(sizes.heldSince(removed))).toBe(21);
  expect(total(held(sizes))).toBe(2);
  await opened.close();
});
