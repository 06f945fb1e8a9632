import type { Engine } from "@kvorum/backends";
import { createMemoryEngine } from "@kvorum/backends";
import { createPrng, hexId, MemoryFileSystem } from "@kvorum/base";
import { decodeConfChange } from "@kvorum/raft";
import { beforeEach, describe, expect, test } from "vitest";
import { decodeMembership } from "../snap/membership-json.js";
import { readSnap } from "../snap/snap-store.js";
import { readValidSnapshots, readWal } from "../wal/read-wal.js";
import type { RestoreOptions } from "./restore-options.js";
import { restoreSnapshot } from "./restore-snapshot.js";
import { saveSnapshot } from "./save-snapshot.js";
import {
  collect,
  dump,
  lastingEngine,
  openFilled,
  revisionKey,
  someOps,
  tree,
} from "./test-support.js";

const FILE = "/saved.snap";
const ops = [
  ...someOps(createPrng(3), 500),
  { bucket: "members", key: Buffer.from("1"), value: Buffer.from("old") },
  { bucket: "members_removed", key: Buffer.from("2"), value: Buffer.from("removed") },
  { bucket: "meta", key: Buffer.from("term"), value: Buffer.alloc(8, 9) },
] as const;

let fs: MemoryFileSystem;
let options: RestoreOptions;

/** The memory disk knows stores by their path, and a restored one is moved. */
function movableEngine(): Engine {
  const engine = lastingEngine();
  return {
    ...engine,
    open: ({ directory }) => engine.open({ directory: directory.replace("/restoring/", "/") }),
  };
}

beforeEach(async () => {
  fs = new MemoryFileSystem({ seed: 1 });
  const backend = await openFilled(lastingEngine(), ops);
  await fs.writeFile(FILE, await collect(await saveSnapshot(await backend.view())));
  options = {
    fs,
    file: FILE,
    engine: movableEngine(),
    name: "b",
    dataDir: "/data",
    initialCluster: "a=http://127.0.0.1:22480,b=http://127.0.0.1:22470",
    initialClusterToken: "tok",
    initialAdvertisePeerUrls: ["http://127.0.0.1:22470"],
    skipHashCheck: false,
    bumpRevision: 0,
    markCompacted: false,
    lock: async () => ({ release: async () => {} }),
  };
});

const A = "4f9d793242f37f64";
const B = "f42ab8689210ccf5";
const SEGMENT = "0000000000000000-0000000000000000.wal";

async function contentOf(engine: Engine): Promise<string[]> {
  const backend = await engine.open({ directory: "/data/member/db" });
  const lines = await dump(await backend.view());
  await backend.close();
  return lines;
}

describe("a restored data dir", () => {
  test("holds the files of a member", async () => {
    const report = await restoreSnapshot(options);
    expect(report.latestRevision).toBe(501);
    expect(hexId(report.cluster.self)).toBe(B);
    expect(hexId(report.cluster.id)).toBe("a46e87074b3dfe25");
    expect(await tree(fs, "/data")).toEqual([
      "/data/member",
      "/data/member/db",
      "/data/member/engine.json",
      "/data/member/snap",
      "/data/member/snap/0000000000000001-0000000000000002.snap",
      "/data/member/snap/db",
      "/data/member/wal",
      `/data/member/wal/${SEGMENT}`,
    ]);
    const identity = JSON.parse((await fs.readFile("/data/member/engine.json")).toString());
    expect(identity).toEqual({ engine: "memory", version: 1 });
  });

  test("holds the snapshot's content under the new members and position", async () => {
    await restoreSnapshot(options);
    const source = await openFilled(lastingEngine(), ops);
    const hex = (text: string) => Buffer.from(text).toString("hex");
    const json = (id: string, url: string, name: string) =>
      hex(`{"id":${BigInt(`0x${id}`)},"peerURLs":["${url}"],"name":"${name}"}`);
    const wanted = (await dump(await source.view())).filter(
      (line) => !/^members/.test(line) && !line.startsWith(`meta ${hex("term")} `),
    );
    wanted.push(
      `members ${hex(A)} ${json(A, "http://127.0.0.1:22480", "a")}`,
      `members ${hex(B)} ${json(B, "http://127.0.0.1:22470", "b")}`,
      `meta ${hex("consistent_index")} 0000000000000002`,
      `meta ${hex("term")} 0000000000000001`,
    );
    expect((await contentOf(options.engine)).sort()).toEqual(wanted.sort());
  });

  test("has a log with one committed conf change a member, and a snapshot of it", async () => {
    await restoreSnapshot({ ...options, walDir: "/elsewhere/log" });
    const directory = "/elsewhere/log";
    expect(await fs.stat("/data/member/wal")).toBeUndefined();
    const content = await readWal({ fs, directory, snapshot: { index: 0, term: 0 } });
    expect(hexId(content.metadata.memberId)).toBe(B);
    expect(hexId(content.metadata.clusterId)).toBe("a46e87074b3dfe25");
    expect(content.hardState).toEqual({ term: 1, vote: BigInt(`0x${A}`), commit: 2 });
    expect(content.entries.map(({ term, index }) => [term, index])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    const changes = content.entries.map((entry) => decodeConfChange(entry.type, entry.data));
    expect(changes).toMatchObject([
      { type: 0, nodeId: BigInt(`0x${A}`) },
      { type: 0, nodeId: BigInt(`0x${B}`) },
    ]);
    const snapshots = await readValidSnapshots(fs, directory);
    const voters = [BigInt(`0x${A}`), BigInt(`0x${B}`)];
    expect(snapshots.at(-1)).toMatchObject({ index: 2, term: 1, confState: { voters } });
    const snap = await readSnap(fs, "/data/member/snap/0000000000000001-0000000000000002.snap");
    expect(snap.metadata).toMatchObject({ index: 2, term: 1, confState: { voters } });
    expect(decodeMembership(snap.data).members.map((member) => member.name)).toEqual(["a", "b"]);
  });

  test("has its revision raised and marked as compacted", async () => {
    await restoreSnapshot({ ...options, bumpRevision: 1_000, markCompacted: true });
    const lines = await contentOf(options.engine);
    const revision = revisionKey(1_501).toString("hex");
    expect(lines).toContain(`key ${revision} `);
    const key = Buffer.from("scheduledCompactRev").toString("hex");
    expect(lines).toContain(`meta ${key} ${revision}`);
  });

  test("may be an empty directory before", async () => {
    await fs.makeDirectory("/data");
    await restoreSnapshot(options);
    expect(await fs.list("/data")).toEqual(["member"]);
  });
});

describe("refusals, with etcdutl's texts, that change nothing", () => {
  test.each<[string, Partial<RestoreOptions>, string, string | RegExp]>([
    [
      "a bump alone",
      { bumpRevision: 1 },
      "INVALID",
      "--mark-compacted required if --revision-bump > 0",
    ],
    ["a mark alone", { markCompacted: true }, "INVALID", /^--mark-compacted required/],
    [
      "a stranger's name",
      { name: "c" },
      "INVALID",
      `couldn't find local name "c" in the initial cluster configuration`,
    ],
    [
      "other URLs",
      { initialAdvertisePeerUrls: ["http://127.0.0.1:1"] },
      "INVALID",
      /^--initial-cluster has b=http:\/\/127.0.0.1:22470 but missing from --initial-advertise/,
    ],
    [
      "one URL twice",
      { initialCluster: "a=http://127.0.0.1:22470,b=http://127.0.0.1:22470" },
      "INVALID",
      /^initial cluster a=.* has duplicate url$/,
    ],
    [
      "a URL without a port",
      { initialCluster: "b=http://localhost" },
      "INVALID",
      'URL address does not have the form "host:port": http://localhost',
    ],
    [
      "an engine without a disk",
      { engine: createMemoryEngine() },
      "INVALID",
      /^the storage engine "memory" keeps nothing on the disk/,
    ],
    ["a file that is not there", { file: "/none" }, "IO", /^cannot open the snapshot \/none/],
  ])("%s", async (_, change, code, message) => {
    const before = await tree(fs, "");
    const restoring = restoreSnapshot({ ...options, ...change });
    await expect(restoring).rejects.toMatchObject({
      code,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
    expect(await tree(fs, "")).toEqual(before);
  });

  test("places that are taken", async () => {
    await fs.makeDirectory("/log");
    await expect(restoreSnapshot({ ...options, walDir: "/log" })).rejects.toMatchObject({
      code: "EXISTS",
      message: 'wal-dir "/log" exists',
    });
    await fs.makeDirectory("/data/other");
    await expect(restoreSnapshot(options)).rejects.toMatchObject({
      code: "EXISTS",
      message: 'data-dir "/data" not empty or could not be read',
    });
  });

  test("a missing or wrong hash, unless it shall not be looked at", async () => {
    const bytes = await fs.readFile(FILE);
    await fs.writeFile(FILE, bytes.subarray(0, -32));
    await expect(restoreSnapshot(options)).rejects.toThrow(
      "snapshot missing hash but --skip-hash-check=false",
    );
    await fs.writeFile(FILE, bytes.fill(0, bytes.length - 32));
    await expect(restoreSnapshot(options)).rejects.toThrow(/^expected sha256 \[0 0 /);
    expect(await fs.stat("/data")).toBeUndefined();
    await restoreSnapshot({ ...options, skipHashCheck: true });
    expect(await contentOf(options.engine)).not.toEqual([]);
  });
});

describe("a restore that fails half-way", () => {
  test.each([
    ["engine.json", "write"],
    [".wal", "write"],
    [".snap", "write"],
    ["member", "rename"],
  ] as const)(
    "at %s leaves nothing that a member would start from",
    async (pathPart, operation) => {
      // Opening the snapshot itself reads only.
      fs.inject({ operation, code: "ENOSPC", pathPart, times: 1 });
      const restoring = restoreSnapshot({ ...options, walDir: "/log" });
      await expect(restoring).rejects.toMatchObject({ code: "NO_SPACE" });
      expect(await fs.list("/data")).toEqual([]);
      expect(await fs.stat("/log")).toBeUndefined();
      await restoreSnapshot({ ...options, walDir: "/log" });
    },
  );
});
