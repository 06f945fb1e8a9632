import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { noise, revisionKey } from "../conformance/model.js";
import type { Op } from "../port.js";
import { engine } from "./engine.js";

const parent = mkdtempSync(join(tmpdir(), "kvorum-sqlite-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

test("a store at rest gives the space of its journal back", async () => {
  const directory = join(parent, "store");
  const store = await engine.open({ directory });
  const ops: Op[] = [];
  for (let i = 0; i < 2_000; i++) {
    ops.push({ bucket: "key", key: revisionKey(i, 0), value: noise(300, i) });
  }
  await store.commit(ops);
  const journal = join(directory, "data.sqlite-wal");
  await vi.waitFor(() => expect(statSync(journal).size).toBe(0), { timeout: 20_000 });
  await store.commit([{ bucket: "meta", key: Buffer.of(1), value: Buffer.of(2) }]);
  expect(noise(300, 1_999).equals(store.get("key", revisionKey(1_999, 0))!)).toBe(true);
  await store.close();
});
