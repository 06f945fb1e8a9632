import { join } from "node:path";
import type { LogIndex, MemoryFileSystem } from "@kvorum/base";
import type { HardState } from "@kvorum/raft";
import { beforeEach, expect, test } from "vitest";
import { readValidSnapshots } from "./read-wal.js";
import { createWal, makeEntries, newFileSystem, WAL_DIRECTORY } from "./test-support.js";

const SYNC = { sync: true };
const VOTERS = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [] };
const CONF_STATE = { ...VOTERS, autoLeave: false };

const committed = (commit: LogIndex): HardState => ({ term: 1, vote: 0n, commit });

let fs: MemoryFileSystem;
/** In order. */
let segments: readonly string[];

/** Many small segments, with snapshots at 100 and 300 whose records stand far apart. */
beforeEach(async () => {
  fs = await newFileSystem();
  const wal = await createWal(fs, 4096);
  for (const snapshot of [100, 300]) {
    for (let index = snapshot - 99; index <= snapshot + 100; index += 10) {
      await wal.append(committed(index), makeEntries(index, 10, { bytes: 200 }), SYNC);
    }
    await wal.saveSnapshot({ index: snapshot, term: 1, confState: CONF_STATE });
  }
  await wal.append(undefined, makeEntries(401, 100, { bytes: 200 }), SYNC);
  await wal.close();
  segments = await fs.list(WAL_DIRECTORY);
  expect(segments.length).toBeGreaterThan(20);
});

async function found(index?: LogIndex): Promise<LogIndex[]> {
  const valid = await readValidSnapshots(fs, WAL_DIRECTORY, index);
  return valid.map((snapshot) => snapshot.index);
}

test("all committed snapshots of a log are found, or those from the index on", async () => {
  expect(await found()).toEqual([0, 100, 300]);
  expect((await found(1_000)).at(-1)).toBe(300);
  // A received one that the engine has yet to take over lies above its index.
  expect((await found(299)).slice(-2)).toEqual([100, 300]);
  expect(await found(99)).toEqual([0, 100, 300]);
});

test("segments before the one with the snapshot are not read", async () => {
  const path = join(WAL_DIRECTORY, segments[0]!);
  const bytes = Buffer.from(await fs.readFile(path));
  bytes[bytes.indexOf("1.5")]! ^= 0xff;
  await fs.writeFile(path, bytes);
  expect((await found(1_000)).at(-1)).toBe(300);
  await expect(found(99)).rejects.toThrow(path);
  await expect(found()).rejects.toThrow(path);
});
