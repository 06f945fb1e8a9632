import { createMemoryEngine, MemoryDisk, type Op } from "@kvorum/backends";
import {
  bigintToBytes,
  type CrashMode,
  createPrng,
  MemoryFileSystem,
  type Prng,
  SimulatedClock,
  utf8,
} from "@kvorum/base";
import { type ConfState, type Entry, EntryType, type RawNode } from "@kvorum/raft";
import { expect, test } from "vitest";
import { LogCompactor } from "../consensus/log-compactor.js";
import type { Proposer } from "../consensus/proposer.js";
import { openRaftNode } from "../consensus/raft-node.js";
import type { ReadIndexQueue } from "../consensus/read-index.js";
import { ReadyLoop } from "../consensus/ready-loop.js";
import { FakeNode, readyWith } from "../consensus/testing/fake-node.js";
import type { MemberOptions } from "../member-options.js";
import { createMetrics } from "../observe/metrics.js";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import { encodeMembership } from "../storage/snap/membership-json.js";
import { SnapStore } from "../storage/snap/snap-store.js";
import { saveDatabase } from "../storage/snapshot/save-snapshot.js";
import {
  adopt,
  buildFromReceived,
  type InstallPlace,
  removeUnused,
  saveReceivedDatabase,
} from "./install-snapshot.js";
import { type OpenedDisk, openDisk } from "./open-disk.js";
import { writePosition } from "./position.js";

/**
 * Power is lost at any moment of taking over a leader's snapshot. At the next start engine and log
 * belong together: either nothing of the snapshot is there, or all.
 */

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const CRASHES = 60;
const INSTALL_MS_MAX = 180;
const OLD_INDEX = 5;
const NEW_INDEX = 50;
const PEER_URL = "http://127.0.0.1:1";
const CRASH_MODES: readonly CrashMode[] = ["drop", "tear", "keep"];

/** A member's disk in a simulated world. */
class World {
  readonly clock = new SimulatedClock();
  readonly disk = new MemoryDisk();
  readonly prng: Prng;
  fs: MemoryFileSystem;

  constructor(prng: Prng) {
    this.prng = prng;
    const seedOfDisk = prng.below(2 ** 32);
    this.fs = new MemoryFileSystem({ seed: seedOfDisk, clock: this.clock, latencyMsMax: 4 });
  }

  options(): MemberOptions {
    const { clock, fs, disk, prng } = this;
    const services = { services: [], extensive: false, clock };
    const options: Partial<MemberOptions> = {
      ...{ name: "default", dataDir: "/data", walDir: undefined, clock, fs, prng },
      engine: createMemoryEngine({
        disk,
        schedule: (apply) => void clock.after(3, apply),
        pause: () => Promise.resolve(),
      }),
      lockDirectory: async () => ({ release: async () => {} }),
      initialCluster: () => new Map([["default", [PEER_URL]]]),
      ...{ initialClusterToken: "simulated", initialClusterState: "new" as const },
      ...{ heartbeatIntervalMs: 100, electionTimeoutMs: 1_000, preVote: true },
      ...{ unsafeNoSync: false, forceNewCluster: false, logger: recordingLogger() },
      ...{ snapshotCountEntries: 1_000, snapshotCatchUpEntries: 10, walsMax: 5, snapshotsMax: 5 },
      metrics: createMetrics({
        ...services,
        featureGates: {} as never,
        figures: () => ({}),
        facts: () => ({
          ...{ serverVersion: "3.7.1", runtimeVersion: process.version },
          ...{ memberId: undefined, clusterVersion: undefined },
        }),
      }),
      onFault: () => {},
    };
    return options as MemberOptions;
  }

  async waitFor<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    for (let ms = 0; !isSettled; ms++) {
      if (ms > 10_000) throw new Error("nothing happened for ten simulated seconds");
      await this.clock.run(1);
    }
    return promise;
  }

  crash(mode: CrashMode): void {
    this.fs = this.fs.crash(mode);
    this.disk.crash();
  }
}

const entry = (index: number, term: number): Entry => ({
  ...{ type: EntryType.Normal, term, index },
  data: utf8(`${index}`),
});

function contentAt(index: number, term: number, text: string): Op[] {
  const ops: Op[] = [];
  writePosition((bucket, key, value) => ops.push({ bucket, key, value }), { index, term });
  const key = Buffer.concat([bigintToBytes(2n), utf8("_"), bigintToBytes(0n)]);
  ops.push({ bucket: "key", key, value: utf8(text) });
  return ops;
}

const confStateOf = (id: bigint): ConfState => ({
  ...{ voters: [id], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
});

/** A member that holds entries up to OLD_INDEX and has applied them. */
async function oldMember(world: World): Promise<OpenedDisk> {
  const opened = await world.waitFor(openDisk(world.options()));
  const vote = opened.log.memberId;
  const entries = [2, 3, 4, OLD_INDEX].map((index) => entry(index, 1));
  const hardState = { term: 1, vote, commit: OLD_INDEX };
  await world.waitFor(opened.log.wal.append(hardState, entries, { sync: true }));
  await world.waitFor(opened.backend.commit(contentAt(OLD_INDEX, 1, "old")));
  return opened;
}

/** Receives a leader's snapshot, and takes it over as the Ready loop does. */
async function install(world: World, { dataDir, log }: OpenedDisk): Promise<void> {
  const member = world.options();
  const { fs, engine, clock } = member;
  const place: InstallPlace = { fs, engine, dataDir };
  const source = await createMemoryEngine({ disk: new MemoryDisk() }).open({ directory: "leader" });
  await source.commit(contentAt(NEW_INDEX, 3, "new"));
  const spool = { fs: new MemoryFileSystem(), path: "/spool" };
  const { chunks } = await saveDatabase(await source.view(), spool);
  await saveReceivedDatabase(place, { index: NEW_INDEX, arrival: 1 }, chunks);
  const confState = confStateOf(log.memberId);
  const compactor = new LogCompactor(
    {
      ...{ member, wal: log.wal, isPersistent: true, isLogNeeded: () => false },
      node: {} as RawNode,
      snaps: new SnapStore({ fs, directory: dataDir.snapDirectory }),
      flush: async () => {},
      applied: () => ({ index: OLD_INDEX, term: 1 }),
      confState: () => confState,
      membership: () => ({ members: [], removed: [], clusterVersion: undefined }),
    },
    0,
  );
  const node = new FakeNode();
  await new Promise<void>((resolve, reject) => {
    const loop = new ReadyLoop({
      ...{ node, clock, log: log.wal, apply: () => {}, send: () => resolve() },
      proposer: { flush() {} } as unknown as Proposer,
      reads: { flush() {} } as unknown as ReadIndexQueue,
      snapshots: {
        save: (snapshot) => compactor.saveReceived(snapshot),
        install: async ({ metadata: { index } }) => {
          const { directory } = await buildFromReceived(place, index);
          await adopt(place, index, directory);
          await removeUnused(place, dataDir.engineDirectory);
          compactor.release(index);
        },
      },
      onSoftState: () => {},
      onFault: reject,
    });
    const data = encodeMembership({ members: [], removed: [], clusterVersion: undefined });
    node.readies.push(
      readyWith({
        snapshot: { metadata: { confState, index: NEW_INDEX, term: 3 }, data },
        hardState: { term: 3, vote: 0n, commit: NEW_INDEX },
        entries: [entry(NEW_INDEX + 1, 3)],
        messagesAfterSync: [{} as never],
        mustSync: true,
      }),
    );
    loop.wake();
  });
  await compactor.stop();
}

test(`an install that ends at any moment is whole or not there (seed ${seed})`, async () => {
  const prng = createPrng(seed);
  const found = { old: 0, new: 0 };
  for (let crash = 0; crash < CRASHES; crash++) {
    const world = new World(prng);
    const before = await oldMember(world);
    install(world, before).catch(() => {});
    // More of the early moments: what decides between old and new is written first.
    await world.clock.run(Math.floor((prng.below(1_000) / 1_000) ** 2 * INSTALL_MS_MAX));
    world.crash(CRASH_MODES[prng.below(CRASH_MODES.length)]!);

    const options = world.options();
    const after = await world.waitFor(openDisk(options));
    const { position, log, backend } = after;
    const isNew = position.index === NEW_INDEX;
    found[isNew ? "new" : "old"]++;
    expect(position.index).toBe(isNew ? NEW_INDEX : OLD_INDEX);
    const [{ value }] = contentAt(0, 0, isNew ? "new" : "old").slice(-1) as [Op];
    const { key } = contentAt(0, 0, "").at(-1)!;
    expect(Buffer.from(backend.get("key", key)!).toString()).toBe(Buffer.from(value!).toString());
    // The core refuses a log that doesn't reach to what the engine has.
    const node = openRaftNode({
      ...{ member: options, log, consistentIndex: position.index },
      ...{ confState: confStateOf(log.memberId), snapshot: () => undefined },
    });
    expect(node.lastIndex).toBeGreaterThanOrEqual(position.index);
    expect(node.termAt(position.index)).toBe(position.term);
  }
  // Otherwise the crashes all came too early or too late to say anything.
  expect(Math.min(found.old, found.new), JSON.stringify(found)).toBeGreaterThan(5);
});

test("nothing stays of a database that breaks off while it arrives", async () => {
  const world = new World(createPrng(seed));
  const { dataDir } = await oldMember(world);
  const { fs } = world;
  async function* breaksOff(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(4096, 1);
    throw new Error("the sender went away");
  }
  const before = await world.waitFor(fs.list(dataDir.snapDirectory));
  const saving = saveReceivedDatabase({ fs, dataDir }, { index: 9, arrival: 1 }, breaksOff());
  await expect(world.waitFor(saving)).rejects.toThrow("the sender went away");
  expect(await world.waitFor(fs.list(dataDir.snapDirectory))).toEqual(before);
});
