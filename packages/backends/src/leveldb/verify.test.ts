import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noise, revisionKey } from "../conformance/model.js";
import type { Op } from "../port.js";
import { engine } from "./engine.js";
import { type LiveFiles, readLiveFiles } from "./manifest.js";
import { verifyLogs } from "./verify-logs.js";
import { closeTables, openTables, verifyTables } from "./verify-tables.js";

const parent = mkdtempSync(join(tmpdir(), "kvorum-verify-"));
const source = join(parent, "source");

/** The files of a store that is still open: what a kill would leave, with commits in the log. */
const killed = join(parent, "killed");
let live: LiveFiles;

beforeAll(async () => {
  const store = await engine.open({ directory: source });
  const batch = (commit: number): Op[] =>
    Array.from({ length: 300 }, (_, sub) => {
      return { bucket: "key", key: revisionKey(commit, sub), value: noise(400, commit + sub) };
    });
  for (let commit = 0; commit < 60; commit++) await store.commit(batch(commit));
  await store.defragment(() => {});
  for (let commit = 60; commit < 66; commit++) await store.commit(batch(commit));
  await engine.open({ directory: killed }).then((empty) => empty.close());
  for (const name of readdirSync(killed)) rmSync(join(killed, name));
  for (const name of readdirSync(source)) copyFileSync(join(source, name), join(killed, name));
  await store.close();
  live = (await readLiveFiles(killed))!;
});
afterAll(() => rmSync(parent, { recursive: true }));

test("whole files pass", async () => {
  expect(filesEnding(".ldb").length).toBeGreaterThan(0);
  await verifyAll();
  await verifyLogs(killed, live);
});

test("what isn't live may be damaged: the rest of a compaction that was cut short", async () => {
  expect(live.tables.size).toBe(filesEnding(".ldb").length);
  const unfinished = join(killed, "999999.ldb");
  writeFileSync(unfinished, noise(5_000, 1));
  const old = join(killed, "000001.log");
  writeFileSync(old, noise(5_000, 2));
  await verifyAll();
  await verifyLogs(killed, live);
  rmSync(unfinished);
  rmSync(old);
});

test("a log that ends within a record passes: the record was never acknowledged", async () => {
  const log = logFile();
  const bytes = readFileSync(log);
  for (const cut of [1, 100, 50_000]) {
    writeFileSync(log, bytes.subarray(0, bytes.length - cut));
    await verifyLogs(killed, live);
  }
  writeFileSync(log, bytes);
});

test("a last record with a sector of zeros passes: power was lost before the sync", async () => {
  const log = logFile();
  const bytes = readFileSync(log);
  const end = bytes.length - (bytes.length % 512);
  writeFileSync(log, Buffer.from(bytes).fill(0, end - 512, end));
  await verifyLogs(killed, live);
  writeFileSync(log, bytes);
});

test("any changed byte of a log is found, also in its last record", async () => {
  const log = logFile();
  const bytes = readFileSync(log);
  const places = [bytes.length - 1, bytes.length - 2_000];
  for (let at = 0; at < bytes.length - 32_768; at += 9_973) places.push(at);
  for (const at of places) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 0xff;
    writeFileSync(log, damaged);
    await expect(verifyLogs(killed, live), `byte ${at}`).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(engine.open({ directory: killed })).rejects.toThrow(log);
  }
  writeFileSync(log, bytes);
});

test("any changed byte of a table is found", async () => {
  const [table] = filesEnding(".ldb");
  const bytes = readFileSync(table!);
  // Between the handles and the magic number the footer has padding that says nothing.
  const covered = bytes.length - 48;
  for (let at = 0; at < covered; at += Math.floor(covered / 97)) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 0xff;
    writeFileSync(table!, damaged);
    await expect(verifyAll(), `byte ${at}`).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(table!),
    });
  }
  writeFileSync(table!, bytes);
});

function filesEnding(suffix: string): string[] {
  return readdirSync(killed)
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(killed, name));
}

async function verifyAll(): Promise<void> {
  const tables = await openTables(killed, live);
  try {
    for (const _ of verifyTables(tables, ["small", "large"]));
  } finally {
    closeTables(tables);
  }
}

function logFile(): string {
  return filesEnding(".log")[0]!;
}
