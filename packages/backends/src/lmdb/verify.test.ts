import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrng } from "@kvorum/base";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collectNow, hex } from "../conformance/context.js";
import { Model, noise, revisionKey } from "../conformance/model.js";
import { BackendError, type Op } from "../port.js";
import { engine } from "./engine.js";
import { verifyDataFile } from "./test-verify.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
const parent = mkdtempSync(join(tmpdir(), "kvorum-lmdb-"));
const directory = join(parent, "whole");
const file = join(directory, "data.000001.mdb");
const damagedDirectory = join(parent, "damaged");
const damagedFile = join(damagedDirectory, "data.000001.mdb");
const model = new Model();

/** Trees of three levels, overflow pages, free pages, and changes in the middle. */
beforeAll(async () => {
  mkdirSync(damagedDirectory);
  const store = await engine.open({ directory });
  const commits: Op[][] = [];
  for (let commit = 0; commit < 8; commit++) {
    const ops: Op[] = [];
    for (let sub = 0; sub < 250; sub++) {
      const length = sub % 50 === 0 ? 9_000 : (sub * 37) % 500;
      const bucket = sub % 7 === 0 ? "lease" : "key";
      ops.push({ bucket, key: revisionKey(commit, sub), value: noise(length, sub) });
    }
    commits.push(ops);
  }
  commits.push(commits[2]!.map((op): Op => ({ ...op, value: undefined })));
  commits.push(commits[5]!.map((op): Op => ({ ...op, value: noise(100, 5) })));
  for (const ops of commits) {
    await store.commit(ops);
    model.apply(ops);
  }
  await store.close();
});
afterAll(() => rmSync(parent, { recursive: true }));

test("whole files pass, also an empty one and none", () => {
  verifyDataFile(file);
  writeFileSync(damagedFile, "");
  verifyDataFile(damagedFile);
  verifyDataFile(join(parent, "none"));
});

test("a record that was put twice in a commit may hold more pages than it takes", async () => {
  const twice = join(parent, "twice");
  const put = (length: number): Op => {
    return { bucket: "lease", key: Buffer.from("k"), value: noise(length, 1) };
  };
  const store = await engine.open({ directory: twice });
  await store.commit([put(9_000), put(2_400)]);
  const expected = [[put(0).key, noise(2_400, 1)].map((bytes) => hex(bytes!))];
  expect(await collectNow(store, "lease")).toEqual(expected);
  await store.close();
  const again = await engine.open({ directory: twice });
  expect(await collectNow(again, "lease")).toEqual(expected);
  await again.close();
});

test("a file that was cut is found", () => {
  const bytes = readFileSync(file);
  writeFileSync(damagedFile, bytes.subarray(0, bytes.length >> 1));
  expect(() => verifyDataFile(damagedFile)).toThrow(BackendError);
});

test("what is asked before the check is over waits for it or checks itself", async () => {
  const whole = await engine.open({ directory });
  const [key, value] = model.scan("key")[300]!;
  expect(Buffer.from(whole.get("key", Buffer.from(key, "hex"))!).toString("hex")).toBe(value);
  await whole.close();
  // The high byte of the length of a key in a page of the largest table, which is verified later; all copies of it,
  // because some stand in pages that are free.
  const bytes = readFileSync(file);
  const wanted = Buffer.from(key, "hex");
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1)) {
    bytes[at - 1]! ^= 0xff;
  }
  writeFileSync(damagedFile, bytes);
  rmSync(`${damagedFile}-lock`, { force: true });
  const isCorrupt = { code: "CORRUPT", message: expect.stringContaining(damagedFile) };
  const early = await engine.open({ directory: damagedDirectory });
  expect(() => early.get("key", Buffer.from(key, "hex"))).toThrow(BackendError);
  await early.close();
  const writing = await engine.open({ directory: damagedDirectory });
  const op: Op = { bucket: "meta", key: Buffer.of(1), value: Buffer.of(2) };
  await expect(writing.commit([op])).rejects.toMatchObject(isCorrupt);
  expect(() => writing.stat()).toThrow(BackendError);
  await writing.close();
  expect(readFileSync(damagedFile).equals(bytes)).toBe(true);
});

test("a store with a changed bit tells of it or is right, and never ends the process", async () => {
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const bytes = readFileSync(file);
  let reported = 0;
  for (let round = 0; round < 50; round++) {
    copyFileSync(file, damagedFile);
    rmSync(`${damagedFile}-lock`, { force: true });
    // Every other time in the first bytes of a page, where its structure stands.
    const page = prng.below(Math.floor(bytes.length / 4_096)) * 4_096;
    const at = page + (round % 2 === 0 ? prng.below(64) : prng.below(4_096));
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1 << prng.below(8);
    writeFileSync(damagedFile, damaged);
    try {
      const store = await engine.open({ directory: damagedDirectory });
      try {
        for (const bucket of ["key", "lease"] as const) {
          expect(await collectNow(store, bucket), `byte ${at}`).toEqual(model.scan(bucket));
        }
      } finally {
        await store.close();
      }
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      expect(error.code).toBe("CORRUPT");
      expect(error.message).toContain(damagedFile);
      reported++;
    }
  }
  expect(reported).toBeGreaterThan(12);
});
