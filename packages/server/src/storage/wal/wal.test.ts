import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MemoryFileSystem } from "@kvorum/base";
import { nodeFileSystem } from "@kvorum/base/node";
import { describe, expect, test } from "vitest";
import type { StorageError } from "../storage-error.js";
import { hasWal, readValidSnapshots, readWal } from "./read-wal.js";
import {
  CONF_STATE,
  createWal,
  hardState,
  METADATA,
  makeEntries,
  newFileSystem,
  openWal,
  START,
  SYNC,
  texts,
  WAL_DIRECTORY,
} from "./test-support.js";
import { Wal } from "./wal.js";

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "resolved",
    (error: StorageError) => error.code ?? String(error),
  );
}

function segments(fs: MemoryFileSystem): Promise<string[]> {
  return fs.list(WAL_DIRECTORY).then((names) => names.filter((name) => name.endsWith(".wal")));
}

describe("a new log", () => {
  test("has the head that etcd writes, in a file of the segment's size", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    await wal.close();
    const name = "0000000000000000-0000000000000000.wal";
    expect(await fs.list(WAL_DIRECTORY)).toEqual([name]);
    const bytes = await fs.readFile(join(WAL_DIRECTORY, name));
    expect(bytes.length).toBe(64 * 1024);
    expect(bytes.toString("hex", 0, 16)).toBe("04000000000000840804100000000000");
    expect(bytes.toString("hex", 16, 24)).toBe("2000000000000000");
    expect(bytes.toString("hex", 24, 26)).toBe("0801");
    expect(bytes.toString("hex", 56, 66)).toBe("0e000000000000820805");
    expect(bytes.toString("hex", 72, 80)).toBe("1a04080010000000");
    expect(bytes.subarray(80).every((byte) => byte === 0)).toBe(true);
  });

  test("is refused where one stands, or where other files would be lost", async () => {
    const fs = await newFileSystem();
    await (await createWal(fs)).close();
    expect(await codeOf(createWal(fs))).toBe("EXISTS");
    await fs.makeDirectory("/elsewhere");
    await fs.writeFile("/elsewhere/letters.txt", Buffer.from("dear"));
    const directory = "/elsewhere";
    expect(await codeOf(Wal.create({ fs, directory, metadata: METADATA }))).toBe("EXISTS");
  });

  test("may begin with entries, which are there whenever the log is", async () => {
    const entries = makeEntries(1, 3);
    for (let turns = 0; turns < 60; turns++) {
      const fs = await newFileSystem(turns + 1);
      const initial = { entries, hardState: hardState(3) };
      const options = { directory: WAL_DIRECTORY, metadata: METADATA, segmentBytes: 8192 };
      const creating = Wal.create({ ...options, fs, initial }).catch(() => undefined);
      for (let i = 0; i < turns; i++) await Promise.resolve();
      const boot = fs.crash("tear");
      await creating;
      if (!(await hasWal(boot, WAL_DIRECTORY))) continue;
      const opened = await openWal(boot);
      expect(texts(opened.entries)).toEqual(texts(entries));
      expect(opened.hardState).toEqual(hardState(3));
      await opened.wal.append(undefined, makeEntries(4, 1), SYNC);
      await opened.wal.close();
    }
    const fs = await newFileSystem();
    const wal = await Wal.create({
      ...{ fs, directory: WAL_DIRECTORY, metadata: METADATA },
      initial: { entries, hardState: hardState(3) },
    });
    await wal.append(undefined, makeEntries(4, 1), SYNC);
    await wal.close();
  });

  test("reads back empty", async () => {
    const fs = await newFileSystem();
    await (await createWal(fs)).close();
    const { wal, metadata, hardState, entries, snapshots, repair } = await openWal(fs);
    await wal.close();
    expect({ metadata, hardState, entries, snapshots, repair }).toEqual({
      metadata: METADATA,
      hardState: { term: 0, vote: 0n, commit: 0 },
      entries: [],
      snapshots: [{ index: 0, term: 0, confState: undefined }],
      repair: undefined,
    });
  });
});

describe("appending", () => {
  test("returns what was written, over several openings", async () => {
    const fs = await newFileSystem();
    let wal = await createWal(fs);
    const all = makeEntries(1, 90);
    for (let i = 0; i < 90; i += 30) {
      await wal.append(hardState(i), all.slice(i, i + 10), SYNC);
      await wal.append(undefined, all.slice(i + 10, i + 30), SYNC);
      await wal.close();
      const opened = await openWal(fs);
      expect(opened.entries).toEqual(all.slice(0, i + 30));
      wal = opened.wal;
    }
    await wal.close();
  });

  test("calls made during a write share the next one, in order", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    const all = makeEntries(1, 50);
    const settled = all.map((entry) => wal.append(undefined, [entry], SYNC));
    expect(new Set(settled).size).toBe(2);
    await Promise.all(settled);
    await wal.close();
    expect((await readWal({ fs, directory: WAL_DIRECTORY, snapshot: START })).entries).toEqual(all);
  });

  test("replaced entries are gone, with all that followed them", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    await wal.append(hardState(2), makeEntries(1, 10), SYNC);
    const replacing = makeEntries(4, 3, { term: 2 });
    await wal.append(hardState(3, 2), replacing, SYNC);
    await wal.close();
    const { wal: reopened, entries } = await openWal(fs);
    await reopened.close();
    expect(entries).toEqual([...makeEntries(1, 3), ...replacing]);
  });

  test("a commit index alone is not written until something else is", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    await wal.append(hardState(0), makeEntries(1, 3), SYNC);
    await wal.append(hardState(2), [], { sync: false });
    const read = () => readWal({ fs, directory: WAL_DIRECTORY, snapshot: START });
    expect((await read()).hardState.commit).toBe(0);
    await wal.append(undefined, makeEntries(4, 1), SYNC);
    expect((await read()).hardState.commit).toBe(2);
    await wal.append(hardState(4), [], { sync: false });
    await wal.close();
    expect((await read()).hardState.commit).toBe(4);
  });

  test("a snapshot record brings the commit index along and is valid at once", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    await wal.append(hardState(0), makeEntries(1, 9), SYNC);
    await wal.append(hardState(9), [], { sync: false });
    const record = { index: 8, term: 1, confState: CONF_STATE };
    await wal.saveSnapshot(record);
    const found = await readValidSnapshots(fs, WAL_DIRECTORY);
    expect(found).toEqual([{ index: 0, term: 0, confState: undefined }, record]);
    await wal.close();
    const opened = await openWal(fs, { snapshot: { index: 8, term: 1 } });
    await opened.wal.close();
    expect(opened.entries).toEqual(makeEntries(9, 1));
  });

  test("a snapshot above the commit index is not valid", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    await wal.append(hardState(3), makeEntries(1, 9), SYNC);
    await wal.saveSnapshot({ index: 8, term: 1, confState: CONF_STATE });
    await wal.close();
    expect((await readValidSnapshots(fs, WAL_DIRECTORY)).map(({ index }) => index)).toEqual([0]);
  });

  test("entries may go on after the snapshot of a leader far ahead", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    await wal.append(hardState(2), makeEntries(1, 2), SYNC);
    await wal.append(hardState(500), [], { sync: false });
    await wal.saveSnapshot({ index: 500, term: 1, confState: CONF_STATE });
    await wal.append(hardState(500), makeEntries(501, 4), SYNC);
    await wal.close();
    const opened = await openWal(fs, { snapshot: { index: 500, term: 1 } });
    await opened.wal.append(hardState(505), makeEntries(505, 1), SYNC);
    await opened.wal.close();
    expect(opened.entries).toEqual(makeEntries(501, 4));
    expect(await codeOf(openWal(fs))).toBe("CORRUPT");
  });

  test("refuses a gap and a use after close", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    expect(() => wal.append(undefined, makeEntries(2, 1), SYNC)).toThrow(/gap/);
    await wal.close();
    await wal.close();
    expect(await codeOf(wal.append(undefined, makeEntries(1, 1), SYNC))).toBe("CLOSED");
  });
});

describe("large and many entries", () => {
  test("longer than the pieces in which a log is read", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    const all = [
      ...makeEntries(1, 1, { bytes: 3_000_000 }),
      ...makeEntries(2, 1, { bytes: 0 }),
      ...makeEntries(3, 2, { bytes: 1024 * 1024 }),
    ];
    for (const entry of all) await wal.append(undefined, [entry], SYNC);
    await wal.close();
    const { wal: reopened, entries } = await openWal(fs);
    await reopened.close();
    expect(texts(entries)).toEqual(texts(all));
  });

  test("across the borders of these pieces", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs, 8_000_000);
    const all = makeEntries(1, 3000, { bytes: 1001 });
    for (let i = 0; i < 3000; i += 500) await wal.append(undefined, all.slice(i, i + 500), SYNC);
    await wal.close();
    const { entries } = await readWal({ fs, directory: WAL_DIRECTORY, snapshot: START });
    expect(texts(entries)).toEqual(texts(all));
  });

  test("on the machine's own file system, over several segments", async () => {
    const base = mkdtempSync(join(tmpdir(), "kvorum-wal-"));
    try {
      const directory = join(base, "wal");
      const options = { fs: nodeFileSystem, directory, segmentBytes: 20_000 };
      const wal = await Wal.create({ ...options, metadata: METADATA });
      const all = makeEntries(1, 600);
      for (let i = 0; i < 600; i += 20) {
        await wal.append(hardState(i), all.slice(i, i + 20), SYNC);
      }
      expect(readdirSync(directory)).toContain("0000000000000001-0000000000000119.wal");
      await wal.close();
      expect(readdirSync(directory).filter((name) => !name.endsWith(".wal"))).toEqual([]);
      const opened = await Wal.open({ ...options, snapshot: START });
      expect(texts(opened.entries)).toEqual(texts(all));
      await opened.wal.append(undefined, makeEntries(601, 1), SYNC);
      await opened.wal.close();
    } finally {
      rmSync(base, { recursive: true });
    }
  });
});

describe("opening", () => {
  test("reports a snapshot of another term, and a tool an unknown one", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs);
    await wal.append(hardState(5), makeEntries(1, 5), SYNC);
    await wal.saveSnapshot({ index: 5, term: 1, confState: CONF_STATE });
    await wal.close();
    const directory = WAL_DIRECTORY;
    expect(await codeOf(openWal(fs, { snapshot: { index: 5, term: 2 } }))).toBe(
      "SNAPSHOT_MISMATCH",
    );
    expect(await codeOf(readWal({ fs, directory, snapshot: { index: 4, term: 1 } }))).toBe(
      "NOT_FOUND",
    );
    const opened = await openWal(fs, { snapshot: { index: 4, term: 1 } });
    await opened.wal.close();
    expect(opened.entries).toEqual(makeEntries(5, 1));
  });

  test("ignores other files and removes segments that were being prepared", async () => {
    const fs = await newFileSystem();
    await (await createWal(fs)).close();
    await fs.writeFile(join(WAL_DIRECTORY, "0.tmp"), Buffer.from("left over"));
    await fs.writeFile(join(WAL_DIRECTORY, "notes.txt"), Buffer.from("mine"));
    const { wal } = await openWal(fs);
    await wal.close();
    expect(await fs.list(WAL_DIRECTORY)).toEqual([
      "0000000000000000-0000000000000000.wal",
      "notes.txt",
    ]);
  });

  test("says when there is no log", async () => {
    const fs = await newFileSystem();
    expect(await codeOf(openWal(fs))).toBe("NOT_FOUND");
  });
});

describe("segments", () => {
  async function fill(fs: MemoryFileSystem, batches: number): Promise<Wal> {
    const wal = await createWal(fs, 4096);
    for (let i = 0; i < batches; i++) {
      await wal.append(hardState(i * 10), makeEntries(i * 10 + 1, 10), SYNC);
    }
    return wal;
  }

  test("are cut at their size, named after the next entry, and read as one log", async () => {
    const fs = await newFileSystem();
    const wal = await fill(fs, 40);
    await wal.close();
    const names = await segments(fs);
    expect(names.length).toBeGreaterThan(5);
    expect(names[1]).toMatch(/^0000000000000001-00000000000000[0-9a-f]{2}\.wal$/);
    const { wal: reopened, entries, hardState: found } = await openWal(fs, { segmentBytes: 4096 });
    expect(entries).toEqual(makeEntries(1, 400));
    expect(found).toEqual(hardState(390));
    await reopened.append(undefined, makeEntries(401, 100), SYNC);
    await reopened.close();
    const again = await readWal({ fs, directory: WAL_DIRECTORY, snapshot: START });
    expect(again.entries).toEqual(makeEntries(1, 500));
    for (const name of names.slice(0, -1)) {
      const size = (await fs.readFile(join(WAL_DIRECTORY, name))).length;
      expect(size).toBeGreaterThanOrEqual(4096);
    }
  });

  test("encoded while an earlier one is being written keep the checksum chain", async () => {
    const fs = await newFileSystem();
    const wal = await createWal(fs, 4096);
    const settled: Promise<void>[] = [];
    for (let i = 0; i < 40; i++) {
      settled.push(wal.append(hardState(i * 10), makeEntries(i * 10 + 1, 10), SYNC));
    }
    await Promise.all(settled);
    await wal.close();
    expect((await segments(fs)).length).toBeGreaterThan(5);
    const { entries } = await readWal({ fs, directory: WAL_DIRECTORY, snapshot: START });
    expect(entries).toEqual(makeEntries(1, 400));
  });

  test("are purged oldest first, only when released and beyond the number to keep", async () => {
    const fs = await newFileSystem();
    const wal = await fill(fs, 40);
    const before = await segments(fs);
    expect(await wal.purge(2)).toEqual([]);
    const third = Number.parseInt(before[3]!.slice(17, 33), 16);
    await wal.append(hardState(400), [], { sync: false });
    await wal.saveSnapshot({ index: third, term: 1, confState: CONF_STATE });
    wal.releaseTo(third);
    expect(await wal.purge(0)).toEqual([]);
    expect(await wal.purge(before.length)).toEqual([]);
    expect(await wal.purge(before.length - 1)).toEqual(before.slice(0, 1));
    expect(await wal.purge(1)).toEqual(before.slice(1, 2));
    wal.releaseTo(1_000_000);
    await wal.purge(1);
    expect(await segments(fs)).toEqual(before.slice(-1));
    await wal.close();
    expect(await codeOf(openWal(fs))).toBe("NOT_FOUND");
  });

  test("a missing one is refused", async () => {
    const fs = await newFileSystem();
    await (await fill(fs, 40)).close();
    const names = await segments(fs);
    await fs.remove(join(WAL_DIRECTORY, names[2]!));
    expect(await codeOf(openWal(fs))).toBe("CORRUPT");
    expect(await codeOf(readValidSnapshots(fs, WAL_DIRECTORY))).toBe("CORRUPT");
  });
});
