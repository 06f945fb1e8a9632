import { describe, expect, test } from "vitest";
import {
  CONF_STATE,
  createWal,
  hardState,
  makeEntries,
  newFileSystem,
  openWal,
  SYNC,
  texts,
} from "./test-support.js";

describe("a start from a snapshot", () => {
  test("leaves out what another leader had sent before this one sent the snapshot", async () => {
    const fs = await newFileSystem();
    const start = { snapshot: { index: 5, term: 3 } };
    const first = await createWal(fs);
    await first.append(hardState(2, 1), makeEntries(1, 9), SYNC);
    await first.saveSnapshot({ ...start.snapshot, confState: CONF_STATE });
    await first.append(hardState(5, 3), [], SYNC);
    await first.close();
    const { wal, entries } = await openWal(fs, start);
    expect(texts(entries)).toEqual([]);
    const next = makeEntries(6, 2, { term: 3 });
    await wal.append(hardState(7, 3), next, SYNC);
    await wal.close();
    const again = await openWal(fs, start);
    expect(texts(again.entries)).toEqual(texts(next));
    await again.wal.close();
  });

  test("leaves out what was replaced from below the snapshot's index on", async () => {
    const fs = await newFileSystem();
    const first = await createWal(fs);
    await first.append(hardState(2, 1), makeEntries(1, 9), SYNC);
    await first.append(hardState(5, 2), makeEntries(3, 3, { term: 2 }), SYNC);
    await first.saveSnapshot({ index: 5, term: 2, confState: CONF_STATE });
    await first.close();
    const { wal, entries } = await openWal(fs, { snapshot: { index: 5, term: 2 } });
    expect(texts(entries)).toEqual([]);
    await wal.close();
  });

  test("keeps what stands behind an own snapshot, before its record and after", async () => {
    const fs = await newFileSystem();
    const first = await createWal(fs);
    await first.append(hardState(5, 1), makeEntries(1, 9), SYNC);
    await first.saveSnapshot({ index: 5, term: 1, confState: CONF_STATE });
    await first.append(undefined, makeEntries(10, 2), SYNC);
    await first.close();
    const { wal, entries } = await openWal(fs, { snapshot: { index: 5, term: 1 } });
    expect(texts(entries)).toEqual(texts(makeEntries(6, 6)));
    await wal.close();
  });

  test("keeps what followed a leader's snapshot when its record is written again", async () => {
    const fs = await newFileSystem();
    const start = { snapshot: { index: 5, term: 3 } };
    const first = await createWal(fs);
    await first.append(hardState(2, 1), makeEntries(1, 9), SYNC);
    await first.saveSnapshot({ ...start.snapshot, confState: CONF_STATE });
    const next = makeEntries(6, 2, { term: 3 });
    await first.append(hardState(5, 3), next, SYNC);
    await first.saveSnapshot({ ...start.snapshot, confState: CONF_STATE });
    await first.close();
    const { wal, entries } = await openWal(fs, start);
    expect(texts(entries)).toEqual(texts(next));
    await wal.close();
  });
});
