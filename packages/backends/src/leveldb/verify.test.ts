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
import { MessageChannel } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serveVerification } from "../common/serve-verification.js";
import { noise, revisionKey } from "../conformance/model.js";
import type { Op, ScanRange } from "../port.js";
import { CheckedBlocks } from "./checked-blocks.js";
import { engine } from "./engine.js";
import { storedRange } from "./key-codec.js";
import { type LiveFiles, readLiveFiles } from "./manifest.js";
import { RecordMerge } from "./record-cursor.js";
import { StoreFiles } from "./store-files.js";
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

test("what a scan has read counts as verified, and nothing else does", async () => {
  const [table] = filesEnding(".ldb");
  const bytes = readFileSync(table!);
  const checked = new CheckedBlocks();
  await scanFiles({}, checked);
  const middle = Buffer.from(bytes);
  middle[bytes.length >> 1]! ^= 0xff;
  writeFileSync(table!, middle);
  await verifyLarge(checked);
  await expect(verifyLarge(new CheckedBlocks())).rejects.toThrow(table!);
  await expect(scanFiles({}, new CheckedBlocks())).rejects.toThrow(table!);

  writeFileSync(table!, bytes);
  const part = new CheckedBlocks();
  await scanFiles({ end: revisionKey(1, 0) }, part);
  writeFileSync(table!, middle);
  await expect(verifyLarge(part)).rejects.toThrow(table!);
  writeFileSync(table!, bytes);
});

test("a verification waits while it is paused", async () => {
  const { port1, port2 } = new MessageChannel();
  let steps = 0;
  const work = function* (): Generator<string | undefined, void> {
    for (; steps < 10; steps++) yield undefined;
    yield "key";
  };
  const verified = new Promise((resolve) => port2.once("message", resolve));
  const verification = serveVerification(port1, "file", work());
  verification.pause();
  verification.pause();
  verification.resume();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(steps).toBe(0);
  verification.resume();
  expect(await verified).toEqual({ kind: "verified", bucket: "key" });
  port2.close();
});

async function scanFiles(range: ScanRange, checked: CheckedBlocks): Promise<void> {
  const stored = storedRange("key", range);
  const files = (await StoreFiles.open(killed))!;
  try {
    const records = new RecordMerge(killed, files.runs(stored, checked), stored);
    while (records.next() !== undefined);
  } finally {
    files.close();
  }
}

async function verifyLarge(checked: CheckedBlocks): Promise<void> {
  const tables = await openTables(killed, live);
  try {
    for (const _ of verifyTables(tables, ["large"], checked));
  } finally {
    closeTables(tables);
  }
}

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
