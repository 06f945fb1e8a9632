import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { Defragmentation } from "../common/defragmentation.js";
import { noise, revisionKey } from "../conformance/model.js";
import { LEVELDB_DEFRAGMENT_PART_BYTES } from "../limits.js";
import type { DefragmentProgress } from "../port.js";
import { defragment } from "./defragment.js";
import { storedKey } from "./key-codec.js";
import { type LeveldbStore, openStore } from "./open-store.js";

const directory = mkdtempSync(join(tmpdir(), "kvorum-leveldb-defragment-"));
const totalBytes = 4 * LEVELDB_DEFRAGMENT_PART_BYTES;
const store: LeveldbStore = await openStore(directory);
/** The bounds of what was compacted. */
let compacted: [start: string, end: string][] = [];
const compactRange = store.compactRange.bind(store);
store.compactRange = async (start: Buffer, end: Buffer) => {
  compacted.push([start.toString("hex"), end.toString("hex")]);
  await compactRange(start, end);
};

const batch = store.batch();
for (let revision = 1; revision <= 401; revision++) {
  batch.put(storedKey("key", revisionKey(revision, 0)), noise(1_000, revision));
}
batch.put(storedKey("meta", Buffer.from("last")), Buffer.from("value"));
await batch.write();

beforeEach(() => {
  compacted = [];
});
afterAll(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

test("the parts cover all keys, and are cut at even distance between the revisions", async () => {
  const progress: DefragmentProgress[] = [];
  const steps = new Defragmentation(directory);
  await defragment({ store, totalBytes, steps }, (step) => progress.push(step));
  const cuts = [101, 201, 301].map((revision) => {
    return storedKey("key", revisionKey(revision, 0)).subarray(0, 9).toString("hex");
  });
  // The first is for what is in memory.
  expect(compacted[0]).toEqual(["00", "00"]);
  expect(compacted.slice(1).map(([start]) => start)).toEqual(["00", ...cuts]);
  expect(compacted.slice(1).map(([, end]) => end)).toEqual([...cuts, "ff"]);
  const parts = [0, 1, 2, 3, 4].map((part) => part * LEVELDB_DEFRAGMENT_PART_BYTES);
  expect(progress).toEqual(parts.map((doneBytes) => ({ doneBytes, totalBytes })));
});

test("closing the store ends it after the part under way", async () => {
  const steps = new Defragmentation(directory);
  let ended: Promise<void> | undefined;
  const defragmentation = steps.run(() =>
    defragment({ store, totalBytes, steps }, () => {
      if (compacted.length === 2) ended = steps.end();
    }),
  );
  await expect(defragmentation).rejects.toMatchObject({ code: "CLOSED" });
  await ended;
  expect(compacted).toHaveLength(3);
  await expect(steps.run(async () => {})).rejects.toMatchObject({ code: "CLOSED" });
});
