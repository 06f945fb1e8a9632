import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { File, FileSystem } from "./file-system.js";
import { nodeFileSystem } from "./node/file-system.js";
import { FREE_STEP_BYTES, removeInSteps } from "./remove-in-steps.js";
import { MemoryFileSystem } from "./sim/memory-file-system.js";
import { SimulatedClock } from "./sim/simulated-clock.js";

const SIZE_BYTES = 2.5 * FREE_STEP_BYTES;

async function fileOf(fs: FileSystem, directory: string, sizeBytes: number): Promise<void> {
  const file = await fs.open(join(directory, "large"), "create");
  await file.write(Buffer.alloc(1000, "x"), 0);
  await file.truncate(sizeBytes);
  await file.sync();
  await file.close();
  await fs.syncDirectory(directory);
}

/** Takes down what changes files, in order. */
function recorded(fs: FileSystem, events: (string | number)[]): FileSystem {
  const wrap = (file: File): File => ({
    path: file.path,
    write: (bytes, position) => file.write(bytes, position),
    read: (into, position) => file.read(into, position),
    sync: () => file.sync(),
    sizeBytes: () => file.sizeBytes(),
    truncate: (sizeBytes) => {
      events.push(sizeBytes);
      return file.truncate(sizeBytes);
    },
    close: () => {
      events.push("close");
      return file.close();
    },
  });
  return {
    open: async (path, mode) => wrap(await fs.open(path, mode)),
    readFile: (path) => fs.readFile(path),
    writeFile: (path, bytes) => fs.writeFile(path, bytes),
    list: (path) => fs.list(path),
    makeDirectory: (path) => fs.makeDirectory(path),
    rename: (from, to) => fs.rename(from, to),
    stat: (path) => fs.stat(path),
    remove: (path) => {
      events.push("remove");
      return fs.remove(path);
    },
    syncDirectory: (path) => {
      events.push("sync");
      return fs.syncDirectory(path);
    },
  };
}

test("the name goes first, then the space in steps", async () => {
  const events: (string | number)[] = [];
  const fs = new MemoryFileSystem();
  await fileOf(fs, "/", SIZE_BYTES);
  await removeInSteps({ fs: recorded(fs, events), directory: "/", name: "large" });
  const steps = [1.5 * FREE_STEP_BYTES, 0.5 * FREE_STEP_BYTES, 0];
  expect(events).toEqual(["remove", "sync", ...steps, "close"]);
  expect(await fs.list("/")).toEqual([]);
});

test("a small file is just removed, and a missing one is an error", async () => {
  const events: (string | number)[] = [];
  const fs = new MemoryFileSystem();
  await fileOf(fs, "/", FREE_STEP_BYTES);
  await removeInSteps({ fs: recorded(fs, events), directory: "/", name: "large" });
  expect(events).toEqual(["remove"]);
  await expect(removeInSteps({ fs, directory: "/", name: "large" })).rejects.toMatchObject({
    code: "ENOENT",
  });
});

test("there is a rest after each step, until there is no time for it", async () => {
  const events: (string | number)[] = [];
  const clock = new SimulatedClock();
  const fs = new MemoryFileSystem({ clock, latencyMsMax: 4, seed: 3 });
  const create = fileOf(fs, "/", SIZE_BYTES);
  await clock.run(100);
  await create;
  let isHurried = false;
  const removed = removeInSteps({
    ...{ fs: recorded(fs, events), directory: "/", name: "large", clock },
    isHurried: () => isHurried,
  });
  while (events.length < 3) await clock.run(0.1);
  expect(events.slice(2)).toEqual([1.5 * FREE_STEP_BYTES]);
  isHurried = true;
  await clock.run(100);
  await removed;
  expect(events.slice(3)).toEqual(["close"]);
});

test("a power loss at any moment leaves the whole file or none", async () => {
  const found = { whole: 0, none: 0 };
  for (let turns = 0; turns < 30; turns++) {
    const fs = new MemoryFileSystem({ seed: turns });
    await fileOf(fs, "/", SIZE_BYTES);
    const removed = removeInSteps({ fs, directory: "/", name: "large" }).catch(() => undefined);
    for (let i = 0; i < turns; i++) await Promise.resolve();
    const size = (await fs.crash("tear").stat("/large"))?.sizeBytes;
    await removed;
    expect([undefined, SIZE_BYTES], `after ${turns} turns`).toContain(size);
    found[size === undefined ? "none" : "whole"]++;
  }
  expect(found.whole).toBeGreaterThan(3);
  expect(found.none).toBeGreaterThan(3);
});

test("the machine's file system does it, too", async () => {
  const directory = mkdtempSync(join(tmpdir(), "kvorum-remove-"));
  try {
    await fileOf(nodeFileSystem, directory, SIZE_BYTES);
    await removeInSteps({ fs: nodeFileSystem, directory, name: "large" });
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
