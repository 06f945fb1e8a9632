import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noise, revisionKey } from "../conformance/model.js";
import { engine } from "./engine.js";
import { verifyWal } from "./verify-wal.js";

const parent = mkdtempSync(join(tmpdir(), "kvorum-wal-"));
const wal = join(parent, "journal");
let bytes: Buffer;

beforeAll(async () => {
  const directory = join(parent, "store");
  const store = await engine.open({ directory });
  for (let commit = 0; commit < 20; commit++) {
    const value = noise(9_000, commit);
    await store.commit([{ bucket: "key", key: revisionKey(commit, 0), value }]);
  }
  copyFileSync(join(directory, "data.sqlite-wal"), wal);
  await store.close();
  bytes = readFileSync(wal);
});
afterAll(() => rmSync(parent, { recursive: true }));

test("a whole journal, a cut one, an empty one and none pass", async () => {
  expect(bytes.length).toBeGreaterThan(20 * 9_000);
  await verifyWal(wal);
  for (const length of [0, 20, 32, 5_000, bytes.length - 1, bytes.length - 6_000]) {
    writeFileSync(wal, bytes.subarray(0, length));
    await verifyWal(wal);
  }
  await verifyWal(join(parent, "none"));
});

test("damage before commits that are whole is found", async () => {
  // A frame's page number, page count, salt and checksum, its page, and the header of the journal.
  for (const at of [0, 9, 17, 32, 40, 48, 60, 5_000, 9_001, 20_002, 50_003]) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 0x55;
    writeFileSync(wal, damaged);
    await expect(verifyWal(wal), `byte ${at}`).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(wal),
    });
  }
});

test("damage in the last transaction passes: it may not have been acknowledged", async () => {
  const damaged = Buffer.from(bytes);
  damaged[bytes.length - 100]! ^= 0x55;
  writeFileSync(wal, damaged);
  await verifyWal(wal);
});
