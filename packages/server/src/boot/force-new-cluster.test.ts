import type { MemoryFileSystem } from "@kvorum/base";
import {
  ConfChangeType,
  decodeConfChange,
  type Entry,
  EntryType,
  encodeConfChange,
  type HardState,
} from "@kvorum/raft";
import { beforeEach, describe, expect, test } from "vitest";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { newFileSystem, openWal, START, WAL_DIRECTORY } from "../storage/wal/test-support.js";
import { Wal } from "../storage/wal/wal.js";
import { forceNewCluster } from "./force-new-cluster.js";
import type { OpenedRaftLog } from "./open-log.js";

const SELF = 2n;
const METADATA = { memberId: SELF, clusterId: 9n };
const PLACE = { directory: WAL_DIRECTORY, metadata: METADATA, segmentBytes: 64 * 1024 };
let fs: MemoryFileSystem;

beforeEach(async () => {
  fs = await newFileSystem();
});

function change(index: number, type: ConfChangeType, nodeId: bigint, term = 1): Entry {
  const context = new Uint8Array(0);
  return { term, index, ...encodeConfChange({ id: 0n, type, nodeId, context }) };
}

function normal(index: number, text: string, term = 2): Entry {
  return { term, index, type: EntryType.Normal, data: Buffer.from(text) };
}

async function logWith(hardState: HardState, entries: readonly Entry[]): Promise<OpenedRaftLog> {
  const wal = await Wal.create({ fs, ...PLACE, initial: { hardState, entries } });
  return {
    ...{ wal, ...METADATA, hardState, entries, confState: undefined },
    ...{ compacted: START, writtenBytes: () => 0 },
  };
}

async function force(log: OpenedRaftLog, consistentIndex: number): Promise<OpenedRaftLog> {
  const forced = await forceNewCluster(log, { consistentIndex, logger: recordingLogger() });
  await forced.wal.close();
  return forced;
}

function shown(entries: readonly Entry[]): string[] {
  return entries.map((entry) => {
    if (entry.type === EntryType.Normal) return `${entry.index} ${Buffer.from(entry.data)}`;
    const change = decodeConfChange(entry.type, entry.data);
    if (change === undefined || !("type" in change)) throw new Error("no conf change");
    const name = Object.entries(ConfChangeType).find(([, type]) => type === change.type)?.[0];
    const context = Buffer.from(change.context).toString();
    return `${entry.index}@${entry.term} ${name} ${change.nodeId} ${context}`.trim();
  });
}

const FOUNDED = [
  change(1, ConfChangeType.AddNode, 1n),
  change(2, ConfChangeType.AddNode, SELF),
  normal(3, "a"),
  normal(4, "b"),
  normal(5, "never committed"),
];

describe("the log of a cluster of two", () => {
  test("ends with the removal of the other, committed; what was not committed is dropped", async () => {
    const log = await logWith({ term: 3, vote: 1n, commit: 4 }, FOUNDED);
    const forced = await force(log, 0);
    const expected = [...shown(FOUNDED.slice(0, 4)), "5@3 RemoveNode 1"];
    expect(shown(forced.entries)).toEqual(expected);
    expect(forced.hardState).toEqual({ term: 3, vote: 1n, commit: 5 });
    const found = await openWal(fs);
    expect(shown(found.entries), "and so it is on the disk").toEqual(expected);
    expect(found.hardState).toEqual({ term: 3, vote: 1n, commit: 5 });
    await found.wal.close();
  });

  test("what the engine has is committed, even when the log doesn't say so", async () => {
    const log = await logWith({ term: 3, vote: 1n, commit: 2 }, FOUNDED);
    const forced = await force(log, 4);
    expect(shown(forced.entries).slice(3)).toEqual(["4 b", "5@3 RemoveNode 1"]);
  });

  test("forcing it again changes nothing more", async () => {
    const first = await force(await logWith({ term: 3, vote: 1n, commit: 4 }, FOUNDED), 0);
    const { wal, hardState, entries } = await openWal(fs);
    const again = await force({ ...first, wal, hardState, entries }, 0);
    expect(shown(again.entries)).toEqual(shown(first.entries));
  });
});

test("a member that was removed adds itself before the others go, learners too", async () => {
  const entries = [
    ...FOUNDED.slice(0, 2),
    change(3, ConfChangeType.AddNode, 5n),
    change(4, ConfChangeType.AddLearnerNode, 3n),
    change(5, ConfChangeType.RemoveNode, SELF),
  ];
  const forced = await force(await logWith({ term: 1, vote: 0n, commit: 5 }, entries), 0);
  expect(shown(forced.entries).slice(5)).toEqual([
    '6@1 AddNode 2 {"id":2,"peerURLs":["http://localhost:2380"]}',
    "7@1 RemoveNode 1",
    "8@1 RemoveNode 3",
    "9@1 RemoveNode 5",
  ]);
});

test("after a snapshot its configuration counts, with the changes since", async () => {
  const log = await logWith({ term: 4, vote: 0n, commit: 0 }, []);
  const confState = {
    ...{ voters: [1n, SELF], learners: [7n], votersOutgoing: [], learnersNext: [] },
    autoLeave: false,
  };
  await log.wal.saveSnapshot({ index: 10, term: 3, confState });
  const entries = [change(11, ConfChangeType.RemoveNode, 1n, 4)];
  const hardState = { term: 4, vote: 0n, commit: 11 };
  await log.wal.append(hardState, entries, { sync: true });
  const compacted = { index: 10, term: 3 };
  const forced = await force({ ...log, confState, compacted, entries, hardState }, 10);
  expect(shown(forced.entries)).toEqual(["11@4 RemoveNode 1", "12@4 RemoveNode 7"]);
});
