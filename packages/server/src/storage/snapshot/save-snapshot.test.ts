import { verifySnapshotFile } from "@kvorum/backends/boltfile";
import { createPrng, MemoryFileSystem } from "@kvorum/base";
import { beforeEach, describe, expect, test } from "vitest";
import { importBolt } from "./import-bolt.js";
import { saveSnapshot } from "./save-snapshot.js";
import { collect, dump, lastingEngine, openFilled, someOps, tree } from "./test-support.js";

const PATH = "/snapshots/saved.snap";
let fs: MemoryFileSystem;
const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 32));
console.log(`KVORUM_SEED=${seed}`);

beforeEach(async () => {
  fs = new MemoryFileSystem({ seed: 1 });
  await fs.makeDirectory("/snapshots");
});

/** A view of some content, and how often it was closed. */
async function watchedView(count = 3_000) {
  const backend = await openFilled(lastingEngine(), someOps(createPrng(seed), count));
  const view = await backend.view();
  const state = { closed: 0 };
  const watched = {
    scan: view.scan.bind(view),
    close: async () => {
      state.closed++;
      await view.close();
    },
  };
  return { backend, view: watched, state };
}

test("with a spool and without one: the same bytes", async () => {
  const { backend } = await watchedView();
  const plain = await collect(await saveSnapshot(await backend.view()));
  const spool = { fs, path: "/snapshots/tmp1" };
  const spooled = await collect(await saveSnapshot(await backend.view(), spool));
  expect(spooled.equals(plain)).toBe(true);
  expect(await tree(fs, "/snapshots")).toEqual([]);
});

test("what is saved and imported into another engine is the same content", async () => {
  const { backend } = await watchedView(25_000);
  await fs.writeFile(PATH, await collect(await saveSnapshot(await backend.view())));
  const copy = await openFilled(lastingEngine(), []);
  const file = await fs.open(PATH, "read");
  await verifySnapshotFile(file, { skipHashCheck: false });
  const reports: number[] = [];
  const report = await importBolt({
    file,
    backend: copy,
    onProgress: ({ doneBytes, totalBytes }) => reports.push(doneBytes / totalBytes),
  });
  const wanted = await dump(await backend.view());
  expect(await dump(await copy.view())).toEqual(wanted);
  expect(report).toEqual({ records: wanted.length, unknownBuckets: [], latestRevision: 25_001 });
  expect(reports.length).toBeGreaterThan(2);
  expect([...reports].sort((left, right) => left - right)).toEqual(reports);
  expect(reports.at(-1)).toBe(1);
});

describe("the view is closed once and nothing is left behind", () => {
  const spool = () => ({ fs, path: "/snapshots/tmp1" });

  test("at the end", async () => {
    const { view, state } = await watchedView();
    await collect(await saveSnapshot(view));
    expect(state.closed).toBe(1);
  });

  test("before a spooled stream begins", async () => {
    const { view, state } = await watchedView();
    const stream = await saveSnapshot(view, spool());
    expect(state.closed).toBe(1);
    expect(await tree(fs, "/snapshots")).toEqual(["/snapshots/tmp1"]);
    await collect(stream);
    expect(await tree(fs, "/snapshots")).toEqual([]);
  });

  test("when the stream is given up at once or half-way", async () => {
    for (const steps of [0, 1]) {
      for (const place of [undefined, spool()]) {
        const { view, state } = await watchedView();
        const { chunks } = await saveSnapshot(view, place);
        for (let i = 0; i < steps; i++) await chunks.next();
        await chunks.return();
        await chunks.return();
        expect(state.closed).toBe(1);
        expect(await tree(fs, "/snapshots")).toEqual([]);
      }
    }
  });

  test("when the view fails", async () => {
    const failing = (): AsyncIterable<never> => {
      throw new Error("engine broke");
    };
    for (const place of [undefined, spool()]) {
      const { view, state } = await watchedView();
      await expect(saveSnapshot({ ...view, scan: failing }, place)).rejects.toThrow("engine broke");
      expect(state.closed).toBe(1);
    }
  });

  test("when the disk is full", async () => {
    for (const skip of [0, 1]) {
      const { view, state } = await watchedView(30_000);
      fs.inject({ operation: "write", code: "ENOSPC", pathPart: "tmp1", skip });
      const saving = saveSnapshot(view, spool());
      await expect(saving).rejects.toMatchObject({ name: "StorageError", code: "NO_SPACE" });
      expect(state.closed).toBe(1);
      expect(await tree(fs, "/snapshots")).toEqual([]);
    }
  });
});

describe("importing", () => {
  test("leaves out excluded buckets and names unknown ones", async () => {
    const { backend } = await watchedView(10);
    await backend.commit([{ bucket: "lease", key: Buffer.from("l"), value: Buffer.from("v") }]);
    const bytes = await collect(await saveSnapshot(await backend.view()));
    // The same length and order, but no bucket of etcd.
    bytes.write("leasf", bytes.lastIndexOf("lease"));
    await fs.writeFile(PATH, bytes);
    const copy = await openFilled(lastingEngine(), []);
    const file = await fs.open(PATH, "read");
    const report = await importBolt({ file, backend: copy, exclude: ["auth", "meta"] });
    expect(report.unknownBuckets).toEqual(["leasf"]);
    const wanted = (await dump(await backend.view())).filter(
      (line) => !/^(auth|meta|lease) /.test(line),
    );
    expect(await dump(await copy.view())).toEqual(wanted);
  });

  test("stops at damage and at a failing engine, with the first error", async () => {
    const { backend } = await watchedView(30_000);
    const bytes = await collect(await saveSnapshot(await backend.view()));
    await fs.writeFile(PATH, bytes);
    const file = await fs.open(PATH, "read");
    const target = await openFilled(lastingEngine(), []);
    let commits = 0;
    const failing = Object.assign(Object.create(target) as typeof target, {
      commit: () => Promise.reject(new Error(`commit ${++commits} failed`)),
    });
    await expect(importBolt({ file, backend: failing })).rejects.toThrow("commit 1 failed");
    expect(commits).toBe(1);

    // The format has no checksum for values: damage shows in the head of a page, which has its id.
    let page = Math.floor(bytes.length / 4096 / 2);
    while (bytes.readUInt32LE(page * 4096) !== page) page++;
    await fs.writeFile(PATH, bytes.fill(0xff, page * 4096, (page + 1) * 4096));
    await expect(
      importBolt({ file: await fs.open(PATH, "read"), backend: target }),
    ).rejects.toThrow(`${PATH}: page ${page}: `);
  });
});
