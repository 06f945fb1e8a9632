import { MemoryFileSystem } from "@kvorum/base";
import { beforeEach, describe, expect, test } from "vitest";
import { decodeMembership, encodeMembership } from "./membership-json.js";
import { decodeSnapFile, encodeSnapFile } from "./snap-file.js";
import { readSnap, SnapStore } from "./snap-store.js";

const DIRECTORY = "/data/member/snap";
const MEMBER = {
  id: 0x8e9e05c52164694dn,
  name: "s1",
  peerUrls: ["http://127.0.0.1:2380"],
  clientUrls: ["http://127.0.0.1:2379"],
  isLearner: false,
};
const LEARNER = { ...MEMBER, id: 0x1fn, name: "", clientUrls: [], isLearner: true };
const CONF_STATE = {
  voters: [MEMBER.id],
  learners: [LEARNER.id],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const STATE = {
  index: 0x2a,
  term: 3,
  confState: CONF_STATE,
  members: [MEMBER, LEARNER],
  removed: [0xabcn],
  clusterVersion: "3.5.0",
};

describe("membership as a v2 store", () => {
  test("has the nodes that etcd reads, keys sorted", () => {
    const { members, removed, clusterVersion } = STATE;
    const store = JSON.parse(encodeMembership({ members, removed, clusterVersion }).toString());
    expect(Object.keys(store)).toEqual(["Root", "CurrentIndex", "CurrentVersion"]);
    const cluster = store.Root.Children["0"].Children;
    expect(Object.keys(cluster)).toEqual(["members", "removed_members", "version"]);
    expect(Object.keys(cluster.members.Children)).toEqual(["1f", "8e9e05c52164694d"]);
    expect(cluster.members.Children["8e9e05c52164694d"].Children.attributes).toEqual({
      Path: "/0/members/8e9e05c52164694d/attributes",
      CreatedIndex: 0,
      ModifiedIndex: 0,
      ExpireTime: "0001-01-01T00:00:00Z",
      Value: '{"name":"s1","clientURLs":["http://127.0.0.1:2379"]}',
      Children: null,
    });
    expect(Object.keys(cluster.members.Children["1f"].Children)).toEqual(["raftAttributes"]);
    expect(cluster.members.Children["1f"].Children.raftAttributes.Value).toBe(
      '{"peerURLs":["http://127.0.0.1:2380"],"isLearner":true}',
    );
    expect(store.Root.Children["1"].Children).toEqual({});
  });

  test("comes back, and empty data are no members", () => {
    const { removed, clusterVersion } = STATE;
    const membership = { members: [LEARNER, MEMBER], removed, clusterVersion };
    expect(decodeMembership(encodeMembership(membership))).toEqual(membership);
    const empty = { members: [], removed: [], clusterVersion: undefined };
    expect(decodeMembership(Buffer.alloc(0))).toEqual(empty);
    expect(decodeMembership(encodeMembership(empty))).toEqual(empty);
    expect(() => decodeMembership(Buffer.from("{"))).toThrow(/v2 store/);
  });
});

describe("a .snap file", () => {
  test("has etcd's layout", () => {
    const metadata = {
      confState: { ...CONF_STATE, voters: [1n], learners: [] },
      index: 5,
      term: 2,
    };
    const hex = encodeSnapFile({ data: Buffer.from("{}"), metadata }).toString("hex");
    expect(hex).toMatch(/^08(?:[89a-f].){0,4}[0-7].12100a027b7d120a0a040801280010051802$/);
  });

  test("every flipped bit is noticed or harmless", () => {
    const metadata = { confState: CONF_STATE, index: 5, term: 2 };
    const file = encodeSnapFile({ data: Buffer.from("some data"), metadata });
    for (let bit = 0; bit < file.length * 8; bit++) {
      const damaged = Buffer.from(file);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      let found: unknown;
      try {
        found = decodeSnapFile(damaged);
      } catch {
        continue;
      }
      expect(found).toEqual(decodeSnapFile(file));
    }
  });
});

describe("SnapStore", () => {
  let fs: MemoryFileSystem;
  let snaps: SnapStore;

  beforeEach(async () => {
    fs = new MemoryFileSystem();
    await fs.makeDirectory(DIRECTORY);
    for (const path of ["/", "/data", "/data/member"]) await fs.syncDirectory(path);
    snaps = new SnapStore({ fs, directory: DIRECTORY });
  });

  test("names files by term and index, and they survive power loss", async () => {
    const path = await snaps.save(STATE);
    expect(path).toBe(`${DIRECTORY}/0000000000000003-000000000000002a.snap`);
    const { metadata, data } = await readSnap(fs.crash("drop"), path);
    expect(metadata).toEqual({ confState: CONF_STATE, index: 42, term: 3 });
    expect(decodeMembership(data).clusterVersion).toBe("3.5.0");
  });

  test("loads the newest that the log confirms, and puts broken ones aside", async () => {
    for (const index of [10, 20, 30, 40]) await snaps.save({ ...STATE, index });
    const newest = `${DIRECTORY}/0000000000000003-0000000000000028.snap`;
    await fs.writeFile(newest, (await fs.readFile(newest)).fill(7, 60, 61));
    const valid = [10, 20, 40].map((index) => ({ index, term: 3 }));
    const { found, broken } = await snaps.loadNewest(valid);
    expect(found?.snapshot.metadata.index).toBe(20);
    expect(broken.map(({ path }) => path)).toEqual([newest]);
    expect(await fs.list(DIRECTORY)).toContain("0000000000000003-0000000000000028.snap.broken");
    expect((await snaps.loadNewest([{ index: 10, term: 2 }])).found).toBeUndefined();
  });

  test("purges the oldest of each kind", async () => {
    for (const index of [10, 20, 30]) await snaps.save({ ...STATE, index });
    for (const index of ["0a", "14"]) {
      await fs.writeFile(`${DIRECTORY}/00000000000000${index}.snap.db`, Buffer.from("db"));
    }
    expect(await snaps.purge(0)).toEqual([]);
    expect(await snaps.purge(1)).toEqual([
      "0000000000000003-000000000000000a.snap",
      "0000000000000003-0000000000000014.snap",
      "000000000000000a.snap.db",
    ]);
  });

  test("a full disk leaves no file behind", async () => {
    fs.setCapacity(fs.occupiedBytes);
    await expect(snaps.save(STATE)).rejects.toMatchObject({ code: "NO_SPACE" });
    expect(await fs.list(DIRECTORY)).toEqual([]);
  });
});
