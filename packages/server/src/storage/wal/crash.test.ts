import { createPrng, type MemoryFileSystem, type Prng } from "@kvorum/base";
import type { Entry, HardState } from "@kvorum/raft";
import { describe, expect, test } from "vitest";
import { StorageError } from "../storage-error.js";
import { hasWal } from "./read-wal.js";
import {
  createWal,
  makeEntries,
  newFileSystem,
  openWal,
  texts,
  WAL_DIRECTORY,
} from "./test-support.js";
import type { Wal } from "./wal.js";

const SYNC = { sync: true };
const seed = Number(process.env.KVORUM_SEED ?? Math.floor(performance.now() * 1e6) % 2 ** 31);

/** What a run knows about its log: sent and acknowledged, with the tail cut where it is replaced. */
class Model {
  sent: Entry[] = [];
  acknowledged: Entry[] = [];
  /** The last state that was acknowledged with `sync`. */
  syncedState: HardState | undefined;
  term = 1;
}

describe("power loss", () => {
  test(`loses nothing acknowledged and invents nothing (KVORUM_SEED=${seed})`, async () => {
    console.log(`crash.test.ts: KVORUM_SEED=${seed}`);
    let tornTails = 0;
    for (let run = 0; run < 40; run++) {
      const prng = createPrng(seed + run);
      let fs = await newFileSystem(seed + run);
      let wal = await createWal(fs, 16 * 1024);
      const model = new Model();
      for (let life = 0; life < 4; life++) {
        await live(wal, model, prng.below(12), prng);
        // The power goes while one or two more writes are on their way.
        for (let i = prng.below(3); i > 0; i--) send(wal, model, prng);
        fs = fs.crash(prng.below(4) === 0 ? "drop" : "tear");
        // Rejections of what was under way come before the next boot.
        await Promise.resolve();
        const opened = await openWal(fs, { segmentBytes: 16 * 1024 });
        if (opened.repair !== undefined) tornTails++;
        check(opened.entries, opened.hardState, model, `run ${run}, life ${life}`);
        model.sent = opened.entries;
        model.acknowledged = opened.entries;
        model.syncedState = opened.hardState.term === 0 ? undefined : opened.hardState;
        wal = opened.wal;
      }
    }
    expect(tornTails).toBeGreaterThan(10);
  });
});

/** Appends batches, some waited for and some not. */
async function live(wal: Wal, model: Model, batches: number, prng: Prng): Promise<void> {
  for (let i = 0; i < batches; i++) {
    const settled = send(wal, model, prng);
    if (prng.below(3) > 0) await settled;
    if (prng.below(4) === 0) await wal.append(undefined, [], { sync: false });
  }
}

/** Appends one batch, which may replace some of the tail under a new term. */
function send(wal: Wal, model: Model, prng: Prng): Promise<void> {
  let from = model.sent.length;
  // Only what no quorum has acknowledged may be replaced; here: what was not waited for.
  if (prng.below(5) === 0) from -= prng.below(from - model.acknowledged.length + 1);
  if (from < model.sent.length) model.term++;
  const { term } = model;
  const entries = makeEntries(from + 1, 1 + prng.below(30), { term, bytes: 150, prng });
  const state =
    prng.below(3) === 0 ? { term, vote: BigInt(prng.below(3)), commit: from } : undefined;
  const sent = [...model.sent.slice(0, from), ...entries];
  model.sent = sent;
  const acknowledge = () => {
    const replacedFrom = sent.findIndex((entry, at) => entry !== model.sent[at]);
    const acknowledged = replacedFrom === -1 ? sent : sent.slice(0, replacedFrom);
    if (acknowledged.length > model.acknowledged.length) model.acknowledged = acknowledged;
    if (state !== undefined) model.syncedState = state;
  };
  return wal.append(state, entries, SYNC).then(acknowledge, ignoreShutdown);
}

function check(found: Entry[], state: HardState, model: Model, name: string): void {
  const { sent, acknowledged } = model;
  expect(found.length, name).toBeGreaterThanOrEqual(acknowledged.length);
  expect(texts(found.slice(0, acknowledged.length)), name).toEqual(texts(acknowledged));
  // Beyond that: entries as sent, or an older tail whose replacement did not reach the disk.
  for (const [i, entry] of found.entries()) {
    const match = sent[i];
    if (match !== undefined && match.term === entry.term)
      expect(texts([entry]), name).toEqual(texts([match]));
    else expect(entry.term, name).toBeLessThan(model.term);
  }
  if (model.syncedState !== undefined) {
    expect(state.term, name).toBeGreaterThanOrEqual(model.syncedState.term);
  }
}

function ignoreShutdown(error: unknown): void {
  if (!(error instanceof StorageError) || error.code !== "IO") throw error;
}

describe("power loss during a start", () => {
  /** Lets `turns` promise jobs pass, then cuts the power. */
  async function crashAfter(fs: MemoryFileSystem, turns: number): Promise<MemoryFileSystem> {
    for (let i = 0; i < turns; i++) await Promise.resolve();
    return fs.crash(turns % 4 === 0 ? "drop" : "tear");
  }

  test("at any moment of a creation leaves a whole log or none", async () => {
    let whole = 0;
    for (let turns = 0; turns < 120; turns++) {
      const fs = await newFileSystem(turns);
      const created = createWal(fs).then(
        () => true,
        () => false,
      );
      const boot = await crashAfter(fs, turns);
      await created;
      if (await hasWal(boot, WAL_DIRECTORY)) {
        whole++;
        await (await openWal(boot)).wal.close();
      } else await (await createWal(boot)).close();
    }
    expect(whole).toBeGreaterThan(5);
    expect(whole).toBeLessThan(115);
  });

  test("at any moment of a repair loses nothing acknowledged", async () => {
    const kept = makeEntries(1, 60);
    let repairs = 0;
    for (let turns = 0; turns < 150; turns++) {
      const fs = await newFileSystem(turns);
      const wal = await createWal(fs, 16 * 1024);
      await wal.append({ term: 1, vote: 1n, commit: 0 }, kept, SYNC);
      const cut = wal.append(undefined, makeEntries(61, 30, { bytes: 200 }), SYNC);
      const torn = fs.crash("tear");
      await cut.catch(() => undefined);
      const opening = openWal(torn, { segmentBytes: 16 * 1024 }).catch(() => undefined);
      const boot = await crashAfter(torn, turns);
      await opening;
      const opened = await openWal(boot, { segmentBytes: 16 * 1024 });
      if (opened.repair !== undefined) repairs++;
      const found = opened.entries.length;
      expect(found).toBeGreaterThanOrEqual(60);
      const all = [...kept, ...makeEntries(61, 30, { bytes: 200 })];
      expect(texts(opened.entries)).toEqual(texts(all.slice(0, found)));
      await opened.wal.append(undefined, makeEntries(found + 1, 1), SYNC);
      await opened.wal.close();
    }
    expect(repairs).toBeGreaterThan(10);
  });
});

describe("a failing disk", () => {
  async function filled(fs: MemoryFileSystem): Promise<Wal> {
    const wal = await createWal(fs, 16 * 1024);
    await wal.append({ term: 1, vote: 1n, commit: 0 }, makeEntries(1, 20), SYNC);
    return wal;
  }

  test("a full one rejects with NO_SPACE, and loses nothing once there is space", async () => {
    for (let spareBytes = 0; spareBytes < 40_000; spareBytes += 1500) {
      const fs = await newFileSystem();
      const wal = await filled(fs);
      fs.setCapacity(fs.occupiedBytes + spareBytes);
      let acknowledged = 20;
      let failure: unknown;
      while (failure === undefined) {
        const entries = makeEntries(acknowledged + 1, 10, { bytes: 300 });
        await wal.append(undefined, entries, SYNC).then(
          () => {
            acknowledged += 10;
          },
          (error) => {
            failure = error;
          },
        );
      }
      expect(failure).toMatchObject({ code: "NO_SPACE" });
      await expect(wal.append(undefined, makeEntries(1, 1), SYNC)).rejects.toBe(failure);
      await wal.close();
      fs.setCapacity(Number.POSITIVE_INFINITY);
      const boot = fs.crash(spareBytes % 2000 === 0 ? "drop" : "keep");
      const opened = await openWal(boot, { segmentBytes: 16 * 1024 });
      const found = opened.entries.length;
      expect(found).toBeGreaterThanOrEqual(acknowledged);
      expect(texts(opened.entries)).toEqual(
        texts([...makeEntries(1, 20), ...makeEntries(21, found - 20, { bytes: 300 })]),
      );
      await opened.wal.append(undefined, makeEntries(found + 1, 1), SYNC);
      await opened.wal.close();
    }
  });

  test("an IO error fails every append that waits, and all later ones", async () => {
    const fs = await newFileSystem();
    const wal = await filled(fs);
    fs.inject({ operation: "write", code: "EIO", pathPart: ".wal", skip: 1 });
    const settled = [21, 22, 23].map((index) =>
      wal.append(undefined, makeEntries(index, 1), SYNC).then(
        () => "ok",
        (error: StorageError) => error.code,
      ),
    );
    expect(await Promise.all(settled)).toEqual(["ok", "IO", "IO"]);
    await expect(wal.append(undefined, [], SYNC)).rejects.toMatchObject({ code: "IO" });
    await wal.close();
    const opened = await openWal(fs, { segmentBytes: 16 * 1024 });
    await opened.wal.close();
    expect(opened.entries).toEqual(makeEntries(1, 21));
  });

  for (const operation of ["truncate", "sync", "rename", "syncDirectory"] as const) {
    test(`a cut that fails at ${operation} leaves a log that opens`, async () => {
      const fs = await newFileSystem();
      const wal = await filled(fs);
      fs.inject({ operation, code: "EIO", pathPart: WAL_DIRECTORY });
      const big = makeEntries(21, 200, { bytes: 100 });
      await wal.append(undefined, big, SYNC);
      await expect(wal.append(undefined, makeEntries(221, 1), SYNC)).rejects.toMatchObject({
        code: "IO",
      });
      await wal.close();
      const boot = fs.crash("tear");
      const opened = await openWal(boot, { segmentBytes: 16 * 1024 });
      expect(opened.entries).toEqual([...makeEntries(1, 20), ...big]);
      await opened.wal.append(undefined, makeEntries(221, 1), SYNC);
      await opened.wal.close();
    });
  }
});
