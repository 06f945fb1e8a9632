import { FREE_STEP_BYTES, MemoryFileSystem, SimulatedClock } from "@kvorum/base";
import { expect, test } from "vitest";
import { purgeOldest } from "./purge.js";

const NAMES = ["1.wal", "2.wal", "3.wal", "4.wal"];
const SIZE_BYTES = 2 * FREE_STEP_BYTES;

async function filled(fs: MemoryFileSystem): Promise<void> {
  for (const name of NAMES) {
    const file = await fs.open(`/${name}`, "create");
    await file.truncate(SIZE_BYTES);
    await file.sync();
    await file.close();
  }
  await fs.syncDirectory("/");
}

test("a crash leaves whole files, and none older than one that is gone", async () => {
  const counts = new Set<number>();
  for (let turns = 0; turns < 60; turns += 3) {
    const fs = new MemoryFileSystem({ seed: turns });
    await filled(fs);
    const purged = purgeOldest({ fs, directory: "/", suffix: ".wal", keep: 1 }).catch(() => []);
    for (let i = 0; i < turns; i++) await Promise.resolve();
    const boot = fs.crash("tear");
    await purged;
    const left = await boot.list("/");
    expect(left).toEqual(NAMES.slice(-left.length));
    for (const name of left) expect((await boot.stat(`/${name}`))?.sizeBytes).toBe(SIZE_BYTES);
    counts.add(left.length);
  }
  expect([...counts].sort()).toEqual([1, 2, 3, 4]);
});

test("in a hurry it ends with the file under way", async () => {
  const clock = new SimulatedClock();
  const fs = new MemoryFileSystem({ clock, latencyMsMax: 2, seed: 5 });
  const create = filled(fs);
  await clock.run(200);
  await create;
  let isHurried = false;
  const files = { fs, directory: "/", suffix: ".wal", keep: 1 };
  const purged = purgeOldest({ ...files, clock, isHurried: () => isHurried });
  for (let found = 4; found === 4; ) {
    const names = fs.list("/");
    await clock.run(2);
    found = (await names).length;
  }
  isHurried = true;
  await clock.run(50);
  expect(await purged).toEqual(["1.wal"]);
});
