import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WireReader } from "@kvorum/api";
import { nodeFileSystem } from "@kvorum/base/node";
import { type Entry, EntryType } from "@kvorum/raft";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeEntry } from "../../consensus/decode-entry.js";
import { findEtcd } from "../../testing/find-etcd.js";
import { decodeMembership } from "../snap/membership-json.js";
import { SnapStore } from "../snap/snap-store.js";
import { readValidSnapshots, readWal } from "./read-wal.js";
import { RecordEncoder } from "./record-encoder.js";
import { decodeHardState, decodeRecord, RecordType } from "./records.js";
import { RealEtcd } from "./test-etcd.js";
import { Wal } from "./wal.js";

const command = findEtcd()?.path;
if (command === undefined) {
  console.log("skipped: no etcd on PATH, and none named by KVORUM_TEST_ETCD");
}

const START = { index: 0, term: 0 };
const KEYS = 120;
/** etcd from 3.7 on leaves the type of a normal entry out; its entries are taken as they are. */
const TAG_OF_TYPE = 0x08;
const fs = nodeFileSystem;

describe.skipIf(command === undefined)("with a real etcd", () => {
  const base = mkdtempSync(join(tmpdir(), "kvorum-wal-"));
  const dataDir = join(base, "s1.etcd");
  const member = join(dataDir, "member");
  const directory = join(member, "wal");
  let etcd: RealEtcd | undefined;

  beforeAll(async () => {
    etcd = await RealEtcd.start(command!, dataDir, ["--snapshot-count", "50"]);
    for (let i = 0; i < KEYS; i++) await etcd.put(`key-${i}`, "v".repeat(i * 7));
    await etcd.stop();
  });

  afterAll(async () => {
    await etcd?.stop();
    rmSync(base, { recursive: true, force: true });
  });

  test("its log is read whole", async () => {
    const { metadata, hardState, entries, snapshots } = await readWal({
      ...{ fs, directory },
      snapshot: START,
    });
    expect(metadata.memberId).toBeGreaterThan(0n);
    expect(metadata.clusterId).toBeGreaterThan(0n);
    expect(entries.map(({ index }) => index)).toEqual(entries.map((_, i) => i + 1));
    expect(entries.length).toBeGreaterThanOrEqual(KEYS + 4);
    expect(hardState).toMatchObject({ commit: entries.length, vote: metadata.memberId });
    expect(snapshots.length).toBeGreaterThanOrEqual(3);
    expect(snapshots[0]).toMatchObject({ index: 0, term: 0 });
    expect(snapshots.at(-1)!.index).toBeGreaterThan(100);
    expect(entries.some(({ data }) => Buffer.from(data).includes("key-119"))).toBe(true);
  });

  test("encoding its records again gives the same bytes", () => {
    for (const name of readdirSync(directory).filter((found) => found.endsWith(".wal"))) {
      const bytes = readFileSync(join(directory, name));
      const encoder = new RecordEncoder(0, Buffer.alloc(1024));
      let at = 0;
      while (at < bytes.length && bytes.readUInt32LE(at) > 0) {
        const length = bytes.readUInt32LE(at);
        const { type, data } = decodeRecord(bytes, at + 8, at + 8 + length);
        if (type === RecordType.Crc) encoder.crcRecord();
        else if (type === RecordType.State) encoder.state(decodeHardState(data));
        else if (type === RecordType.Entry && data[0] === TAG_OF_TYPE) {
          const entry = decodeEntry(new WireReader(data));
          encoder.reserve([entry]);
          encoder.entry(entry);
        } else encoder.record(type as RecordType, data);
        at += 8 + length + (bytes[at + 7]! & 7);
      }
      expect(at).toBeGreaterThan(10_000);
      expect(encoder.length).toBe(at);
      expect(Buffer.compare(encoder.buffer.subarray(0, at), bytes.subarray(0, at))).toBe(0);
    }
  });

  test("its .snap files are read and matched with the log", async () => {
    const snaps = new SnapStore({ fs, directory: join(member, "snap") });
    const valid = await readValidSnapshots(fs, directory);
    const { found, broken } = await snaps.loadNewest(valid);
    expect(broken).toEqual([]);
    const { metadata, data } = found!.snapshot;
    expect(metadata.index).toBe(valid.at(-1)!.index);
    const { members, clusterVersion } = decodeMembership(data);
    expect(members).toHaveLength(1);
    expect(members[0]).toMatchObject({ name: "s1", isLearner: false });
    expect(metadata.confState.voters).toEqual([members[0]!.id]);
    expect(clusterVersion).toMatch(/^3\./);
  });

  test("it starts on a log written here, in many segments, and it goes on here", async () => {
    const original = await readWal({ fs, directory, snapshot: START });
    rmSync(directory, { recursive: true });
    // Without its database and snapshots it must apply the whole log again.
    rmSync(join(member, "snap"), { recursive: true });
    await fs.makeDirectory(join(member, "snap"));
    const options = { fs, directory, segmentBytes: 8192 };
    const wal = await Wal.create({ ...options, metadata: original.metadata });
    const { term, vote } = original.hardState;
    for (let at = 0; at < original.entries.length; at += 10) {
      const batch = original.entries.slice(at, at + 10);
      await wal.append({ term, vote, commit: at }, batch, { sync: true });
    }
    await wal.append(original.hardState, [], { sync: false });
    await wal.close();
    expect(readdirSync(directory).length).toBeGreaterThan(3);

    const restarted = await RealEtcd.start(command!, dataDir);
    try {
      expect(await restarted.count()).toBe(KEYS);
      expect(await restarted.get("key-100")).toBe("v".repeat(700));
      await restarted.put("after", "restart");
    } finally {
      await restarted.stop();
    }

    const opened = await Wal.open({ ...options, snapshot: START });
    const { length } = opened.entries;
    expect(length).toBeGreaterThan(original.entries.length);
    expect(Buffer.from(opened.entries.at(-1)!.data).includes("restart")).toBe(true);
    const last: Entry = {
      type: EntryType.Normal,
      term: opened.hardState.term,
      index: length + 1,
      data: Buffer.alloc(0),
    };
    await opened.wal.append({ ...opened.hardState, commit: length + 1 }, [last], { sync: true });
    await opened.wal.close();

    const again = await RealEtcd.start(command!, dataDir);
    try {
      expect(await again.get("after")).toBe("restart");
      expect(await again.count()).toBe(KEYS + 1);
    } finally {
      await again.stop();
    }
  });
});
