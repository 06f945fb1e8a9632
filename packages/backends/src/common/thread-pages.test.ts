import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { collectBytes } from "../boltfile/test-support.js";
import { writeBoltFile } from "../boltfile/write.js";
import { noise, revisionKey } from "../conformance/model.js";
import { loadEngine } from "../load-engine.js";
import type { Backend, Op, View } from "../port.js";

const directories: string[] = [];
const stores: Backend[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close().catch(() => {});
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

async function openIn(engine: string, directory: string): Promise<Backend> {
  const store = await (await loadEngine(engine)).open({ directory });
  stores.push(store);
  return store;
}

/** A store of about 6 MB in all, with records of a page and more among small ones. */
async function filled(engine: string): Promise<{ store: Backend; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), "kvorum-pages-"));
  directories.push(directory);
  const store = await openIn(engine, directory);
  const ops = Array.from({ length: 18_000 }, (_, i): Op => {
    const value = noise(i % 900 === 0 ? 40_000 : i % 600, i);
    return { bucket: i % 50 === 0 ? "lease" : "key", key: revisionKey(i, 0), value };
  });
  await store.commit(ops);
  return { store, directory };
}

/** The same view, whose pages are made in the reader's thread. */
function withoutPages(view: View): View {
  return { scan: (bucket, range) => view.scan(bucket, range), close: () => view.close() };
}

describe.each(["lmdb", "leveldb", "sqlite"])("pages made by the thread of %s", (engine) => {
  test("are those that are made of its scans, and later commits don't show", async () => {
    const { store } = await filled(engine);
    const view = await store.view();
    expect(view.pages).toBeDefined();
    await store.commit([{ bucket: "key", key: revisionKey(0, 1), value: Buffer.alloc(10) }]);
    const here = await collectBytes(await writeBoltFile(withoutPages(view)));
    const there = await collectBytes(await writeBoltFile(view));
    expect(there.length).toBeGreaterThan(4_000_000);
    expect(there.equals(here)).toBe(true);
    await view.close();
  });

  test("stop when the view is closed, and when the reader leaves", async () => {
    const { store } = await filled(engine);
    const left = await store.view();
    const { chunks } = await writeBoltFile(left);
    await chunks.next();
    await chunks.next();
    await chunks.return();
    await left.close();
    const view = await store.view();
    const stream = await writeBoltFile(view);
    await stream.chunks.next();
    await stream.chunks.next();
    await view.close();
    await expect(collectBytes(stream)).rejects.toMatchObject({ code: "CLOSED" });
  });

  test("end with an error at a damaged record", async () => {
    const { store, directory } = await filled(engine);
    await store.close();
    const record = noise(599, 16_799);
    let damaged = 0;
    for (const name of await readdir(directory)) {
      const path = join(directory, name);
      const bytes = await readFile(path);
      const at = bytes.indexOf(record.subarray(0, 100));
      if (at < 0) continue;
      bytes[at + 50]! ^= 1;
      await writeFile(path, bytes);
      damaged++;
    }
    expect(damaged).toBe(1);
    const failed = (async () => {
      const view = await (await openIn(engine, directory)).view();
      await collectBytes(await writeBoltFile(view));
    })();
    await expect(failed).rejects.toMatchObject({ code: "CORRUPT" });
  });
});
