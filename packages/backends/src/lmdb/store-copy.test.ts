import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPrng, type Prng } from "@kvorum/base";
import { afterAll, expect, test } from "vitest";
import { packOps } from "../common/packed-ops.js";
import { SpareMemory } from "../common/spare-memory.js";
import { noise, revisionKey } from "../conformance/model.js";
import { LMDB_COPY_STEP_BYTES } from "../limits.js";
import { BUCKETS, type Op } from "../port.js";
import { type Environment, openEnvironment } from "./environment.js";
import { StoreCopy } from "./store-copy.js";
import { verifyDataFile } from "./test-verify.js";
import { writeOps } from "./write-ops.js";

const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 31));
const directory = mkdtempSync(join(tmpdir(), "kvorum-store-copy-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const STEP_BYTES = 20_000;

function write(environment: Environment, ops: readonly Op[], copy?: StoreCopy): void {
  const { memory, length } = packOps(ops, new SpareMemory());
  writeOps(environment, memory.subarray(0, length), copy);
}

/** Puts and removals, half of them in the bucket of revisions; few keys, so that they meet again. */
function randomOps(prng: Prng, count: number): Op[] {
  return Array.from({ length: count }, () => {
    const bucket = prng.below(2) === 0 ? "key" : BUCKETS[prng.below(BUCKETS.length)]!;
    const isLong = bucket !== "key" && prng.below(20) === 0;
    const number = prng.below(600);
    const key = isLong ? noise(1_500 + number, number) : revisionKey(number, 0);
    const length = prng.below(50) === 0 ? 9_000 : prng.below(400);
    const value = prng.below(4) === 0 ? undefined : noise(length, prng.below(1_000));
    return { bucket, key, value };
  });
}

function open(name: string): Environment {
  return openEnvironment(join(directory, name));
}

test("a copy made in steps between commits holds what the store holds", async () => {
  console.log(`KVORUM_SEED=${seed}`);
  const prng = createPrng(seed);
  const source = open("source.mdb");
  for (let i = 0; i < 4; i++) write(source, randomOps(prng, 400));
  const file = join(directory, "copy.mdb");
  const copy = new StoreCopy(source, file, STEP_BYTES);
  let steps = 0;
  do write(source, randomOps(prng, 1 + prng.below(60)), copy);
  while (++steps < 200 && !copy.step());
  expect(steps).toBeGreaterThan(5);
  expect(steps).toBeLessThan(200);
  write(source, randomOps(prng, 200), copy);
  copy.finish();
  copy.close();
  verifyDataFile(file);
  const result = open("copy.mdb");
  for (const bucket of BUCKETS) {
    const records = [...source.tables[bucket].getRange()];
    expect([...result.tables[bucket].getRange()]).toEqual(records);
  }
  await result.root.close();
  await source.root.close();
});

test("however much is committed between the steps, the copy comes to its end", async () => {
  const source = open("busy.mdb");
  const commit = (number: number): Op[] => {
    return Array.from({ length: 100 }, (_, sub) => {
      return { bucket: "key", key: revisionKey(number, sub), value: noise(500, sub) };
    });
  };
  for (let number = 0; number < 10; number++) write(source, commit(number));
  const copy = new StoreCopy(source, join(directory, "busy-copy.mdb"), STEP_BYTES);
  let number = 10;
  // Each commit is larger than a step.
  while (!copy.step() && number < 200) write(source, commit(number++), copy);
  expect(number).toBeLessThan(60);
  copy.finish();
  copy.close();
  await source.root.close();
});

test("a step is short, however large the store", async () => {
  const source = open("large.mdb");
  const ops = (number: number): Op[] => {
    return Array.from({ length: 1_000 }, (_, sub) => {
      return { bucket: "key", key: revisionKey(number, sub), value: noise(1_000, sub) };
    });
  };
  for (let number = 0; number < 4; number++) write(source, ops(number));
  const copy = new StoreCopy(source, join(directory, "large-copy.mdb"));
  let copiedBytes = 0;
  let steps = 0;
  for (; !copy.step(); steps++) {
    // It ends with the run of pages that makes it enough.
    expect(copy.copiedBytes - copiedBytes).toBeLessThan(2 * LMDB_COPY_STEP_BYTES);
    copiedBytes = copy.copiedBytes;
  }
  expect(steps).toBeGreaterThan(6);
  copy.close();
  await source.root.close();
});

test("a copy that lacks records is refused", async () => {
  const source = open("lacking.mdb");
  write(source, [{ bucket: "lease", key: revisionKey(1, 0), value: noise(10, 1) }]);
  const copy = new StoreCopy(source, join(directory, "lacking-copy.mdb"));
  copy.step();
  write(source, [{ bucket: "lease", key: revisionKey(2, 0), value: noise(10, 1) }]);
  expect(() => copy.finish()).toThrow('the copy of "lease" has 1 records of 2');
  copy.close();
  await source.root.close();
});
