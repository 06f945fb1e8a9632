import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Backend, Engine, Op } from "../port.js";
import { type ConformanceContext, collectNow, hex, isBackendError } from "./context.js";
import { noise, revisionKey } from "./model.js";

const NAME = "a full disk is reported, and the store opens again with all that settled";
const DISK_BYTES = 24 << 20;
const BALLAST_BYTES = 12 << 20;
const COMMIT_RECORDS = 300;

const run = promisify(execFile);

/**
 * On a small file system in memory. A limit on the size of a file (RLIMIT_FSIZE) would need no
 * rights, but it cuts one file and says EFBIG, where a full disk stops every file and says ENOSPC.
 */
export function testFullDisk(context: ConformanceContext): void {
  context.test(NAME, async (engine, directory) => {
    if (!engine.capabilities.persistent) {
      return context.skip(NAME, "the engine is not persistent");
    }
    if (process.platform !== "linux") {
      return context.skip(NAME, `no small file system can be mounted on ${process.platform}`);
    }
    const mountPoint = `${directory}-disk`;
    await mkdir(mountPoint, { recursive: true });
    try {
      await run("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", mountPoint]);
    } catch (error) {
      const reason = error instanceof Error ? error.message.trim() : String(error);
      return context.skip(NAME, `mounting a small file system needs root: ${reason}`);
    }
    try {
      const keepsFiles = await fillAndReopen(engine, mountPoint);
      if (!keepsFiles) context.skip(NAME, "the engine keeps no files in its directory");
    } finally {
      await run("umount", ["-l", mountPoint]);
    }
  });
}

/** False when there is nothing to fill, because the engine keeps no files. */
async function fillAndReopen(engine: Engine, mountPoint: string): Promise<boolean> {
  const directory = join(mountPoint, "store");
  const ballast = join(mountPoint, "ballast");
  await writeFile(ballast, Buffer.alloc(BALLAST_BYTES, 1));
  let store = await engine.open({ directory });
  if (!existsSync(directory)) {
    await store.close();
    return false;
  }
  const { settled, failure } = await fill(store);
  assert.ok(isBackendError(failure), `not a BackendError: ${String(failure)}`);
  assert.equal(failure.code, "NO_SPACE", failure.message);
  assert.ok(failure.message.includes(directory), `doesn't name the store: ${failure.message}`);
  assert.ok(settled > 0, "nothing fitted on the disk");
  // A store that failed is of no use until it is opened again.
  assert.throws(() => store.get("key", revisionKey(1, 0)), isBackendError);
  await assert.rejects(store.commit(commitOps(settled + 2)), isBackendError);
  await store.close();

  await rm(ballast);
  store = await engine.open({ directory });
  const expected: [string, string][] = [];
  for (let number = 1; number <= settled; number++) {
    for (const { key, value } of commitOps(number)) expected.push([hex(key), hex(value!)]);
  }
  assert.deepEqual(await collectNow(store, "key"), expected, "not what settled");
  await store.commit(commitOps(settled + 1));
  assert.ok(store.get("key", revisionKey(settled + 1, 0)) !== undefined);
  await store.close();
  return true;
}

async function fill(
  store: Backend,
): Promise<{ readonly settled: number; readonly failure: unknown }> {
  const commits = (2 * DISK_BYTES) / (COMMIT_RECORDS * 1_000);
  for (let number = 1; number < commits; number++) {
    try {
      await store.commit(commitOps(number));
    } catch (failure) {
      return { settled: number - 1, failure };
    }
  }
  return { settled: commits, failure: undefined };
}

function commitOps(number: number): Op[] {
  const ops: Op[] = [];
  for (let sub = 0; sub < COMMIT_RECORDS; sub++) {
    ops.push({ bucket: "key", key: revisionKey(number, sub), value: noise(1_000, number + sub) });
  }
  return ops;
}
