import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { collectNow } from "../conformance/context.js";
import { noise, revisionKey } from "../conformance/model.js";
import { type Backend, BackendError, type DefragmentProgress, type Op } from "../port.js";
import { engine } from "./engine.js";
import { openEnvironment } from "./environment.js";
import { StoreCopy } from "./store-copy.js";
import { explainWrite } from "./write-error.js";

const parent = mkdtempSync(join(tmpdir(), "kvorum-lmdb-defragment-"));
afterAll(() => rmSync(parent, { recursive: true, force: true }));

const RECORDS = 8_000;
const put = (number: number): Op => {
  return { bucket: "key", key: revisionKey(number, 0), value: noise(1_000, number) };
};

async function filled(directory: string): Promise<Backend> {
  const store = await engine.open({ directory });
  await store.commit(Array.from({ length: RECORDS }, (_, i) => put(i)));
  return store;
}

test("a store in use gives space back, and the old file goes", async () => {
  const directory = join(parent, "live");
  const store = await filled(directory);
  const before = statSync(join(directory, "data.000001.mdb")).size;
  const freed = Array.from({ length: RECORDS - 800 }, (_, i) => ({ ...put(i), value: undefined }));
  await store.commit(freed);
  let running = true;
  const defragmentation = store
    .defragment(() => {})
    .finally(() => {
      running = false;
    });
  let commits = 0;
  for (; running; commits++) await store.commit([put(RECORDS + commits)]);
  await defragmentation;
  expect(commits).toBeGreaterThan(0);
  expect(await collectNow(store, "key")).toHaveLength(800 + commits);
  expect(store.stat().sizeBytes).toBeLessThan(before / 2);
  await store.close();
  expect(readdirSync(directory).filter((name) => name.endsWith(".mdb"))).toEqual([
    "data.000002.mdb",
  ]);
  expect(statSync(join(directory, "data.000002.mdb")).size).toBeLessThan(before / 2);
});

test("closing the store ends a defragmentation after the step under way", async () => {
  const directory = join(parent, "closed");
  const store = await filled(directory);
  const steps: DefragmentProgress[] = [];
  let closed: Promise<void> | undefined;
  const defragmentation = store.defragment((step) => {
    steps.push(step);
    closed ??= store.close();
  });
  await expect(defragmentation).rejects.toMatchObject({ code: "CLOSED" });
  await closed;
  expect(steps.length).toBeLessThanOrEqual(2);
  expect(steps.at(-1)!.doneBytes).toBeLessThan(steps[0]!.totalBytes);
  expect(readdirSync(directory).sort()).toEqual(["data.000001.mdb", "data.000001.mdb-lock"]);
  const again = await engine.open({ directory });
  expect(await collectNow(again, "key")).toHaveLength(RECORDS);
  await again.close();
});

test("leftovers of a copy and of a switch are removed at the start", async () => {
  const directory = join(parent, "leftovers");
  const store = await filled(directory);
  await store.defragment(() => {});
  await store.close();
  for (const name of ["copy.mdb", "copy.mdb-lock", "data.000001.mdb"]) {
    writeFileSync(join(directory, name), "half");
  }
  const again = await engine.open({ directory });
  expect(await collectNow(again, "key")).toHaveLength(RECORDS);
  await again.close();
  expect(readdirSync(directory).sort()).toEqual(["data.000002.mdb", "data.000002.mdb-lock"]);
});

/** A small disk in memory; undefined, and says why, where none can be mounted. */
function mountDisk(name: string): string | undefined {
  const directory = join(parent, name);
  mkdirSync(directory);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", directory]);
    return directory;
  } catch (error) {
    console.log(`skipped: mounting a small file system needs root: ${String(error)}`);
    return undefined;
  }
}

function fill(disk: string, leftBytes: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, "ballast"), Buffer.alloc(bavail * bsize - leftBytes, 1));
}

test("without space for a copy the store goes on with its file", async () => {
  const disk = mountDisk("small");
  if (disk === undefined) return;
  try {
    const directory = join(disk, "store");
    const store = await filled(directory);
    // There is space at first, and then something else takes it.
    let steps = 0;
    const defragmentation = store.defragment(() => {
      if (++steps === 2) fill(disk, 4 << 20);
    });
    await expect(defragmentation).rejects.toMatchObject({ code: "NO_SPACE" });
    await expect(defragmentation).rejects.toThrow(/needs space for a copy/);
    expect(steps).toBe(2);
    expect(readdirSync(directory).sort()).toEqual(["data.000001.mdb", "data.000001.mdb-lock"]);
    await store.commit([put(RECORDS)]);
    expect(await collectNow(store, "key")).toHaveLength(RECORDS + 1);
    rmSync(join(disk, "ballast"));
    await store.defragment(() => {});
    expect(await collectNow(store, "key")).toHaveLength(RECORDS + 1);
    await store.close();
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
});

test("a step that finds the disk full says so", async () => {
  const disk = mountDisk("full");
  if (disk === undefined) return;
  const directory = join(parent, "source");
  const store = await filled(directory);
  await store.close();
  const source = openEnvironment(join(directory, "data.000001.mdb"));
  const file = join(disk, "copy.mdb");
  const copy = new StoreCopy(source, file);
  try {
    fill(disk, 1 << 20);
    let failure: unknown;
    try {
      copy.finish();
    } catch (error) {
      failure = error;
    }
    const reason = await explainWrite(failure, { file, directory: disk, bytes: 1 << 20 });
    expect(reason).toBeInstanceOf(BackendError);
    expect(reason).toMatchObject({ code: "NO_SPACE" });
  } finally {
    copy.close();
    await source.root.close();
    execFileSync("umount", ["-l", disk]);
  }
});
