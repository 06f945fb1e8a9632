import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
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

// Without them, another program that merely reads the file may clear up the journal when it leaves.
test("the process keeps its locks while views come and go", async ({ skip }) => {
  const directory = join(parent, "locks");
  const file = join(directory, "data.sqlite");
  const store = await engine.open({ directory });
  await store.commit([{ bucket: "key", key: Buffer.of(1), value: Buffer.of(2) }]);
  const before = locksOf(file);
  for (let i = 0; i < 2; i++) {
    const view = await store.view();
    for await (const batch of view.scan("key")) expect(batch.keys).toHaveLength(1);
    await view.close();
  }
  const after = locksOf(file);
  await store.close();
  // All connections are closed, also those of threads.
  expect(existsSync(`${file}-wal`)).toBe(false);
  if (before.length === 0) skip("the system doesn't tell which locks there are");
  expect(after).toEqual(before);
});

/** What Linux tells of the locks of this process on a file and its index of the journal. */
function locksOf(file: string): string[] {
  if (!existsSync("/proc/locks")) return [];
  const inodes = ["", "-shm"].map((end) => statSync(file + end).ino);
  return readFileSync("/proc/locks", "latin1")
    .split("\n")
    .filter((line) =>
      inodes.some((inode) => line.includes(` ${process.pid} `) && line.includes(`:${inode} `)),
    )
    .map((line) => line.replace(/^\d+: /, ""))
    .sort();
}
