import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect } from "vitest";
import { kvorumOn, TestCluster } from "../support/cluster.js";
import {
  type Certificates,
  channelOf,
  makeCertificates,
  tlsArgs,
  whyNoCertificates,
} from "../support/cluster-certificates.js";
import { findOnPath, scratchDirectory } from "../support/processes.js";
import { kv, put } from "../support/rpc.js";
import { testUnless } from "../support/skip.js";

/**
 * The lab of docs/cluster-lab.md: three members, certificates everywhere, a snapshot, all data
 * directories deleted, each member restored, and everything there again.
 */

const run = promisify(execFile);
const bin = (name: string) =>
  fileURLToPath(new URL(`../../packages/ctl/bin/${name}.js`, import.meta.url));
const kvorumctl = bin("kvorumctl");
const kvorumutl = bin("kvorumutl");
const etcdctl = findOnPath("etcdctl");
if (etcdctl === undefined) console.log("no etcdctl on PATH: the lab uses kvorumctl alone");

const TOKEN = "etcd-cluster-1";
const KEYS = 500;
const TEST_TIMEOUT_MS = 180_000;

/** Runs a client with the lab's certificates. @returns its stdout */
type Client = (...args: string[]) => Promise<string>;

function clientOf(
  program: string,
  { ca, cert, key }: Certificates,
  endpoints: readonly string[],
): Client {
  const env = { ...process.env, ETCDCTL_API: "3" };
  const common = ["--endpoints", endpoints.join(","), "--cacert", ca, "--cert", cert, "--key", key];
  return async (...args) => {
    const isScript = program.endsWith(".js");
    const words = [...(isScript ? [program] : []), ...common, ...args];
    return (await run(isScript ? process.execPath : program, words, { env })).stdout;
  };
}

async function runLab(engines: readonly string[]): Promise<void> {
  const directory = scratchDirectory("lab");
  const certificates = makeCertificates(directory);
  const cluster = await TestCluster.create({
    programs: engines.map(kvorumOn),
    scheme: "https",
    channel: channelOf(certificates),
    args: tlsArgs(certificates),
    token: TOKEN,
  });
  const endpoints = cluster.members.map(({ clientUrl }) => clientUrl);
  const ours = clientOf(kvorumctl, certificates, endpoints);
  const theirs = clientOf(etcdctl ?? kvorumctl, certificates, endpoints);
  try {
    await cluster.launchAll();
    await fill(cluster, theirs, ours);
    const before = await ours("get", "", "--prefix");
    expect(before.split("\n").length).toBeGreaterThan(KEYS);
    expect(await theirs("get", "", "--prefix")).toBe(before);
    const members = await ours("member", "list");
    for (const { name, peerUrl, clientUrl } of cluster.members) {
      expect(members).toContain(`started, ${name}, ${peerUrl}, ${clientUrl}, false`);
    }

    const snapshot = join(directory, "snapshot.db");
    await clientOf(kvorumctl, certificates, endpoints.slice(0, 1))("snapshot", "save", snapshot);
    await cluster.stopProcesses();
    for (const member of cluster.members) member.wipe();
    const restores = cluster.members.map(async ({ name, peerUrl, spec }) => {
      const engine = spec.program.kind === "kvorum" ? spec.program.engine : "";
      await run(process.execPath, [
        ...[kvorumutl, "snapshot", "restore", snapshot, "--backend", engine, "--name", name],
        ...["--data-dir", spec.dataDir, "--initial-cluster", cluster.initialCluster],
        ...["--initial-cluster-token", TOKEN, "--initial-advertise-peer-urls", peerUrl],
      ]);
      expect(existsSync(spec.dataDir)).toBe(true);
    });
    await Promise.all(restores);

    await cluster.launchAll();
    expect(await theirs("get", "", "--prefix")).toBe(before);
    expect(await ours("get", "", "--prefix")).toBe(before);
    await theirs("put", "after", "restore");
    expect(await ours("get", "after", "--print-value-only")).toBe("restore\n");
    await cluster.equalHash();
  } finally {
    await cluster.stop("SIGKILL");
  }
}

/** Puts through both clients, overwrites and deletes some, and many more over one connection. */
async function fill(cluster: TestCluster, theirs: Client, ours: Client): Promise<void> {
  await Promise.all([theirs("put", "lab/theirs", "1"), ours("put", "lab/ours", "1")]);
  await Promise.all([theirs("put", "lab/theirs", "2"), ours("put", "gone", "soon")]);
  expect(await theirs("del", "gone")).toBe("1\n");
  const many = Array.from({ length: KEYS }, (_, i) =>
    put({ key: Buffer.from(`many/${i}`), value: Buffer.from(`value ${i}`) }),
  );
  await Promise.all(many.map((request, i) => cluster.at(i % 3).rpc.call(kv.put, request)));
}

describe("the lab", () => {
  const needsOpenssl = testUnless(whyNoCertificates());
  for (const engines of [
    ["lmdb", "lmdb", "lmdb"],
    ["leveldb", "leveldb", "leveldb"],
    ["sqlite", "sqlite", "sqlite"],
    ["lmdb", "leveldb", "sqlite"],
  ]) {
    needsOpenssl(`on ${engines.join(", ")}`, () => runLab(engines), TEST_TIMEOUT_MS);
  }
});
