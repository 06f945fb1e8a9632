import { MemoryFileSystem, type Prng } from "@kvorum/base";
import type { Entry, HardState } from "@kvorum/raft";
import { type OpenedWal, Wal } from "./wal.js";

/** What the tests of the log share. */
export const WAL_DIRECTORY = "/data/member/wal";
export const METADATA = { memberId: 0x8e9e05c52164694dn, clusterId: 0xcdf818194e3a8c32n };
export const START = { index: 0, term: 0 };
export const SYNC = { sync: true };
export const CONF_STATE = {
  voters: [METADATA.memberId],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export function hardState(commit: number, term = 1): HardState {
  return { term, vote: METADATA.memberId, commit };
}

export async function newFileSystem(seed = 1): Promise<MemoryFileSystem> {
  const fs = new MemoryFileSystem({ seed });
  await fs.makeDirectory("/data/member");
  await fs.syncDirectory("/data");
  await fs.syncDirectory("/");
  return fs;
}

export function createWal(fs: MemoryFileSystem, segmentBytes = 64 * 1024): Promise<Wal> {
  return Wal.create({ fs, directory: WAL_DIRECTORY, metadata: METADATA, segmentBytes });
}

export function openWal(
  fs: MemoryFileSystem,
  { segmentBytes = 64 * 1024, snapshot = START } = {},
): Promise<OpenedWal> {
  return Wal.open({ fs, directory: WAL_DIRECTORY, snapshot, segmentBytes });
}

/** `count` entries from `index` on, whose data tell them apart. */
export function makeEntries(
  index: number,
  count: number,
  options: {
    readonly term?: number;
    readonly bytes?: number;
    readonly prng?: Prng;
  } = {},
): Entry[] {
  const { term = 1, bytes = 40, prng } = options;
  return Array.from({ length: count }, (_, i) => {
    const data = Buffer.alloc(prng === undefined ? bytes : prng.below(2 * bytes), index + i);
    if (data.length >= 16) data.write(`${term}.${index + i}`, 0);
    return { type: 0, term, index: index + i, data };
  });
}

/** One short text an entry: far cheaper to compare than the bytes themselves. */
export function texts(entries: readonly Entry[]): string[] {
  return entries.map(({ type, term, index, data }) => {
    return `${index} of term ${term}, type ${type}: ${Buffer.from(data).toString("latin1")}`;
  });
}
