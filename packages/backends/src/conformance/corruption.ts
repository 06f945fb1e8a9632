import assert from "node:assert/strict";
import { cp, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Backend, Bucket, Engine, Op } from "../port.js";
import { type ConformanceContext, collectNow, hex, isBackendError } from "./context.js";
import { Model, noise, revisionKey } from "./model.js";

const NAME = "damage to a file is reported, never passed on";
const DAMAGED_BYTES = 64;
/** Where each file is damaged, as parts of its length. */
const PLACES = [0.2, 0.5, 0.8];
const FILLED: readonly Bucket[] = ["key", "lease", "authUsers"];

/**
 * Inverts bytes in each file of a store and opens it. Either it says "CORRUPT" and names a path of
 * the store, at open or in a read, or everything is still right: a scan that ends without an error
 * is complete, and `get` gives the right value, unless a scan has told of the damage.
 */
export function testCorruption(context: ConformanceContext): void {
  context.test(NAME, async (engine, directory) => {
    if (!engine.capabilities.persistent) {
      return context.skip(NAME, "the engine is not persistent");
    }
    const model = await build(engine, directory);
    const files = await filesWithin(directory);
    if (files.length === 0) return context.skip(NAME, "the engine has no files");
    let reported = 0;
    for (const file of files) {
      for (const place of PLACES) {
        const copy = `${directory}-${file.replaceAll("/", "-")}-${place}`;
        await cp(directory, copy, { recursive: true });
        await damage(join(copy, file), place);
        reported += (await inspect(engine, copy, model)) ? 1 : 0;
      }
    }
    assert.ok(reported > 0, "no damage was noticed at all");
  });
}

async function build(engine: Engine, directory: string): Promise<Model> {
  const model = new Model();
  const store = await engine.open({ directory });
  for (let commit = 0; commit < 12; commit++) {
    const ops: Op[] = [];
    for (let sub = 0; sub < 400; sub++) {
      const bucket = FILLED[sub % 20 === 0 ? 1 + (commit % 2) : 0]!;
      const length = sub === 7 ? 30_000 : 20 + ((commit * 31 + sub * 17) % 600);
      ops.push({ bucket, key: revisionKey(commit, sub), value: noise(length, commit + sub) });
    }
    await store.commit(ops);
    model.apply(ops);
  }
  await store.close();
  return model;
}

async function filesWithin(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const files: string[] = [];
  for (const name of names.sort()) {
    const found = await stat(join(directory, name));
    if (found.isFile() && found.size > 0) files.push(name);
  }
  return files;
}

async function damage(path: string, place: number): Promise<void> {
  const handle = await open(path, "r+");
  try {
    const { size } = await handle.stat();
    const length = Math.min(DAMAGED_BYTES, size);
    const position = Math.min(Math.floor(size * place), size - length);
    const bytes = Buffer.alloc(length);
    await handle.read(bytes, 0, length, position);
    for (let i = 0; i < length; i++) bytes[i] = ~bytes[i]!;
    await handle.write(bytes, 0, length, position);
  } finally {
    await handle.close();
  }
}

/** Checks what a damaged store does; true when it told of the damage. */
async function inspect(engine: Engine, directory: string, model: Model): Promise<boolean> {
  let store: Backend;
  try {
    store = await engine.open({ directory });
  } catch (error) {
    checkError(error, directory);
    return true;
  }
  let reported = false;
  try {
    for (const bucket of FILLED) {
      const told = await inspectBucket(store, { bucket, model, directory });
      reported ||= told;
    }
  } finally {
    await store.close();
  }
  return reported;
}

async function inspectBucket(
  store: Backend,
  { bucket, model, directory }: { bucket: Bucket; model: Model; directory: string },
): Promise<boolean> {
  let told = false;
  const expected = model.scan(bucket);
  try {
    const records = await collectNow(store, bucket);
    assert.equal(records.length, expected.length, `${directory}: records are missing silently`);
    assert.deepEqual(records, expected, `${directory}: damaged records were passed on`);
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    checkError(error, directory);
    told = true;
  }
  for (const [key, value] of expected) {
    try {
      const found = store.get(bucket, Buffer.from(key, "hex"));
      if (found === undefined) assert.ok(told, `${directory}: ${key} is missing silently`);
      else assert.equal(hex(found), value, `${directory}: a damaged value was passed on`);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      checkError(error, directory);
      told = true;
    }
  }
  return told;
}

function checkError(error: unknown, directory: string): void {
  assert.ok(isBackendError(error), `not a BackendError: ${String(error)}`);
  assert.equal(error.code, "CORRUPT", error.message);
  assert.ok(error.message.includes(directory), `names no file: ${error.message}`);
}
