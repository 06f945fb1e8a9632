import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { packOps } from "../common/packed-ops.js";
import { SpareMemory } from "../common/spare-memory.js";
import { noise, revisionKey } from "../conformance/model.js";
import type { Op } from "../port.js";
import { CatchUp, type ChangedKeys } from "./catch-up.js";
import { type Environment, openEnvironment } from "./environment.js";
import { writeOps } from "./write-ops.js";

const directory = mkdtempSync(join(tmpdir(), "kvorum-catch-up-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function write(environment: Environment, ops: readonly Op[], changed?: ChangedKeys): void {
  const { memory, length } = packOps(ops, new SpareMemory());
  writeOps(environment, memory.subarray(0, length), changed);
}

const put = (main: number, seed: number): Op => {
  return { bucket: "key", key: revisionKey(main, 0), value: noise(50, seed) };
};
const remove = (main: number): Op => ({ ...put(main, 0), value: undefined });
const longKey: Op = { bucket: "lease", key: noise(3_000, 1), value: Buffer.from("long") };

test("a copy that caught up twice holds what the store holds", async () => {
  const source = openEnvironment(join(directory, "source.mdb"));
  const copyFile = join(directory, "copy.mdb");
  write(source, [put(1, 1), put(2, 2), put(3, 3), put(4, 4)]);
  const catchUp = new CatchUp();
  await source.root.backup(copyFile, true);
  write(source, [put(2, 20), remove(3), put(5, 5), longKey], catchUp.changed);
  catchUp.apply(source, copyFile);
  expect(catchUp.changed.size).toBe(0);
  write(source, [remove(1), put(3, 30), put(6, 6), remove(6), remove(7)], catchUp.changed);
  catchUp.apply(source, copyFile);
  catchUp.close();
  const copy = openEnvironment(copyFile);
  for (const bucket of ["key", "lease"] as const) {
    const records = [...source.tables[bucket].getRange()];
    expect(records).toHaveLength(bucket === "key" ? 4 : 1);
    expect([...copy.tables[bucket].getRange()]).toEqual(records);
  }
  await copy.root.close();
  await source.root.close();
});
