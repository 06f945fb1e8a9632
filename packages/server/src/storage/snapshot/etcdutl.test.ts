import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BUCKETS, loadEngine } from "@kvorum/backends";
import { readBoltFile } from "@kvorum/backends/boltfile";
import { createPrng } from "@kvorum/base";
import { nodeFileSystem } from "@kvorum/base/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readWal } from "../wal/read-wal.js";
import { restoreSnapshot } from "./restore-snapshot.js";
import { saveSnapshot } from "./save-snapshot.js";
import { collect, dump, lastingEngine, openFilled, someOps } from "./test-support.js";

const etcdutl = findEtcdutl();
if (etcdutl === undefined) {
  console.log("skipped: no etcdutl on PATH or beside the etcd that KVORUM_TEST_ETCD names");
}

/** etcd 3.4 and 3.5 restore with other rules, and 3.4 has no etcdutl at all. */
function findEtcdutl(): string | undefined {
  const etcd = process.env.KVORUM_TEST_ETCD;
  const command = etcd === undefined ? "etcdutl" : join(dirname(etcd), "etcdutl");
  try {
    const version = execFileSync(command, ["version"], { encoding: "utf8" });
    return /version: 3\.[67]\./.test(version) ? command : undefined;
  } catch {
    return undefined;
  }
}

describe.skipIf(etcdutl === undefined)("beside etcdutl snapshot restore", () => {
  let directory: string;
  let file: string;
  const peer = "http://127.0.0.1:22470";
  const initialCluster = `a=http://127.0.0.1:22480,b=${peer}`;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "kvorum-restore-"));
    file = join(directory, "saved.snap");
    const backend = await openFilled(lastingEngine(), someOps(createPrng(11), 3_000));
    writeFileSync(file, await collect(await saveSnapshot(await backend.view())));
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each([0, 700])("the content and the log are the same, bumped by %i", async (bump) => {
    const theirs = join(directory, `etcd-${bump}`);
    const bumps = bump === 0 ? [] : ["--bump-revision", String(bump), "--mark-compacted"];
    const flags = ["--name", "b", "--initial-cluster", initialCluster, "--data-dir", theirs];
    flags.push("--initial-advertise-peer-urls", peer, "--initial-cluster-token", "tok", ...bumps);
    execFileSync(etcdutl!, ["snapshot", "restore", file, ...flags], { stdio: "ignore" });

    const ours = join(directory, `kvorum-${bump}`);
    const engine = await loadEngine("leveldb");
    await restoreSnapshot({
      ...{ fs: nodeFileSystem, file, engine, name: "b", dataDir: ours, initialCluster },
      ...{ initialClusterToken: "tok", initialAdvertisePeerUrls: [peer], skipHashCheck: false },
      ...{ bumpRevision: bump, markCompacted: bump > 0 },
    });

    const backend = await engine.open({ directory: join(ours, "member", "db") });
    const ourContent = await dump(await backend.view());
    await backend.close();
    const db = await nodeFileSystem.open(join(theirs, "member", "snap", "db"), "read");
    const bolt = await readBoltFile(db);
    expect(bolt.buckets).toEqual([...BUCKETS]);
    const theirContent = await dump({ scan: (name) => bolt.scan(name), close: () => db.close() });
    expect(ourContent).toEqual(theirContent);

    const snapshot = { index: 2, term: 1 };
    const logs = [ours, theirs].map((path) =>
      readWal({ fs: nodeFileSystem, directory: join(path, "member", "wal"), snapshot }),
    );
    const [ourLog, theirLog] = await Promise.all(logs);
    expect(ourLog).toEqual(theirLog);
  });
});
