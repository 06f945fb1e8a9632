import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { BatchMemory } from "../common/batch-memory.js";
import { PackedBatch } from "../common/packed-batch.js";
import { noise } from "../conformance/model.js";
import { engine } from "./engine.js";
import { FileView } from "./file-view.js";
import { HEAD_BYTES, storedKey } from "./key-codec.js";

const directory = mkdtempSync(join(tmpdir(), "kvorum-lmdb-view-"));
const file = join(directory, "data.000001.mdb");
afterAll(() => rmSync(directory, { recursive: true }));

test("a long key whose head is damaged where it is stored is found", async () => {
  const key = noise(2 * HEAD_BYTES, 1);
  const store = await engine.open({ directory });
  await store.commit([{ bucket: "lease", key, value: noise(20, 2) }]);
  await store.close();
  expect(keysOf("lease")).toEqual([digest(key)]);
  const bytes = readFileSync(file);
  const at = bytes.indexOf(storedKey(key));
  bytes[at + HEAD_BYTES - 1]! ^= 1;
  writeFileSync(file, bytes);
  expect(() => keysOf("lease")).toThrow(/record .* of bucket "lease" is damaged/);
});

function keysOf(bucket: "lease"): string[] {
  const view = new FileView(file);
  try {
    const batches = [...view.scan(bucket, {}, new BatchMemory())];
    return batches.flatMap((batch) => new PackedBatch(batch).keys.map(digest));
  } finally {
    view.close();
  }
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
