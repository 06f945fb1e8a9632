import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { createPrng } from "@kvorum/base";
import { describe, expect } from "vitest";
import { eventually, kvorumOn, TestCluster } from "../support/cluster.js";
import {
  type Certificates,
  channelOf,
  makeCertificate,
  makeCertificates,
  tlsArgs,
  unverifiedChannel,
  whyNoCertificates,
} from "../support/cluster-certificates.js";
import { RecordedLoad, sleep } from "../support/cluster-load.js";
import type { ClusterMember, Program } from "../support/cluster-member.js";
import { whyNotMixed } from "../support/etcd-release.js";
import { checkLinearizability } from "../support/linearizability.js";
import { findEtcd, scratchDirectory } from "../support/processes.js";
import { testUnless } from "../support/skip.js";

/** Clusters of real processes whose certificates change, expire, or are their own. */

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const engines = (process.env.KVORUM_FAULT_BACKENDS ?? "lmdb,leveldb,sqlite").split(",");
const PROGRESS_WITHIN_MS = 30_000;
/** Long enough that a member which is started with it is up before it expires, on a busy machine. */
const LIFE_OF_REPLACED_MS = 45_000;
/** Long enough that every member has shown it. */
const LIFE_OF_EXPIRING_MS = 15_000;
const TEST_MS_MAX = 300_000;
/** A member has started and probed the others by then. */
const REFUSED_WITHIN_MS = 90_000;
/** No member without a quorum serves, however long it is asked. */
const REFUSAL_MS = 4_000;

interface Run {
  readonly cluster: TestCluster;
  readonly load: RecordedLoad;
  readonly progress: () => Promise<void>;
  /** For the test's own connections; it stays valid. */
  readonly own: Certificates;
  /** Replaces the certificate of the members. */
  readonly replace: (name: string, validUntil?: Date) => Promise<void>;
}

/** A cluster under load that demands certificates everywhere; what it did is checked after `body`. */
async function underLoad(body: (run: Run) => Promise<void>): Promise<void> {
  const directory = scratchDirectory("certificates");
  const certificates = makeCertificates(directory);
  const own = makeCertificate(directory, "test", { suffix: "-test" });
  const cluster = await TestCluster.start({
    programs: engines.map(kvorumOn),
    scheme: "https",
    channel: channelOf(own),
    args: tlsArgs(certificates),
  });
  const load = new RecordedLoad({ cluster, prng: createPrng(seed), prefix: "tls/" });
  const progress = () => load.progress(20, PROGRESS_WITHIN_MS);
  const replace = async (name: string, validUntil?: Date) => {
    makeCertificate(directory, name, validUntil === undefined ? {} : { validUntil });
    for (const { spec } of cluster.running()) {
      expect(await commonNameAt(spec.clientPort, own)).toBe(name);
      expect(await commonNameAt(spec.peerPort, own)).toBe(name);
    }
  };
  try {
    await progress();
    await body({ cluster, load, progress, own, replace });
    await progress();
    await load.finish();
    await cluster.equalHash();
  } catch (cause) {
    const logs = cluster.members.map(({ name, log }) => `${name}:\n${log.slice(-3_000)}`);
    throw new Error(`seed ${seed}\n${logs.join("\n")}`, { cause });
  } finally {
    load.abandon();
    await cluster.stop("SIGKILL");
  }
  expect(checkLinearizability(load.history)).toMatchObject({ isLinearizable: true });
}

const needsOpenssl = testUnless(whyNoCertificates());

describe(`a certificate (seed ${seed})`, () => {
  needsOpenssl(
    "that is replaced under load is taken up without a restart",
    () =>
      underLoad(async ({ cluster, progress, replace }) => {
        await replace("replaced");
        // One that starts anew dials and is dialed with the new one, by those that still run.
        const restarted = await cluster.follower();
        await restarted.stop();
        restarted.launch();
        await restarted.serving();
        await cluster.leader();
        await progress();
      }),
    TEST_MS_MAX,
  );

  needsOpenssl(
    "that expires is replaced in time",
    () =>
      underLoad(async ({ cluster, progress, replace }) => {
        const expires = new Date(Date.now() + LIFE_OF_REPLACED_MS);
        await replace("short", expires);
        const restarted = await cluster.follower();
        await restarted.stop("SIGKILL");
        restarted.launch();
        await restarted.serving();
        await replace("next");
        await sleepUntil(expires);
        await progress();
        const leader = await cluster.leader();
        await leader.stop("SIGKILL");
        await progress();
        leader.launch();
        await leader.serving();
        await cluster.leader();
      }),
    TEST_MS_MAX,
  );

  needsOpenssl(
    "that expires is replaced too late",
    () =>
      underLoad(async ({ cluster, load, progress, own, replace }) => {
        const expires = new Date(Date.now() + LIFE_OF_EXPIRING_MS);
        await replace("short", expires);
        await sleepUntil(expires);
        for (const { spec } of cluster.running()) {
          await expect(commonNameAt(spec.clientPort, own)).rejects.toThrow("has expired");
        }
        // The connections that stand go on.
        await progress();
        const follower = await cluster.follower();
        await follower.stop("SIGKILL");
        follower.launch();
        await untilRefused(follower);
        await progress();
        // Of the other two one is lost: no quorum can meet, and nothing is acknowledged any more.
        const other = cluster.running().find((member) => member !== follower)!;
        await other.stop("SIGKILL");
        await sleep(REFUSAL_MS / 2);
        const { acknowledged } = load;
        other.launch();
        await untilRefused(other);
        expect(load.acknowledged).toBe(acknowledged);
        await replace("late");
        await Promise.all(cluster.members.map((member) => member.serving()));
        await cluster.leader();
      }),
    TEST_MS_MAX,
  );
});

describe("members with certificates of their own making", () => {
  const cases: readonly { readonly what: string; readonly programs: readonly Program[] }[] = [
    { what: "of Kvorum", programs: engines.map(kvorumOn) },
    {
      what: "of Kvorum and of etcd",
      programs: [kvorumOn("lmdb"), { kind: "etcd", path: findEtcd() ?? "" }, kvorumOn("sqlite")],
    },
  ];
  for (const { what, programs } of cases) {
    const isMixed = programs.some(({ kind }) => kind === "etcd");
    const testOrSkip = testUnless(isMixed ? whyNotMixed() : undefined);
    testOrSkip(
      `${what} form a cluster, and know each other after restarts`,
      () => formAndRestart(programs),
      TEST_MS_MAX,
    );
  }
});

async function formAndRestart(programs: readonly Program[]): Promise<void> {
  const cluster = await TestCluster.start({
    programs,
    scheme: "https",
    channel: unverifiedChannel(),
    args: ["--auto-tls", "--peer-auto-tls"],
  });
  const load = new RecordedLoad({ cluster, prng: createPrng(seed), prefix: "auto/" });
  try {
    await load.progress(50, PROGRESS_WITHIN_MS);
    for (const member of cluster.members) {
      const certificates = ["client", "peer"].map(
        (endpoint) => `${member.spec.dataDir}/fixtures/${endpoint}/cert.pem`,
      );
      const before = certificates.map((path) => readFileSync(path, "utf8"));
      await member.stop("SIGKILL");
      await load.progress(20, PROGRESS_WITHIN_MS);
      member.launch();
      await member.serving();
      await cluster.leader();
      expect(certificates.map((path) => readFileSync(path, "utf8"))).toEqual(before);
    }
    await load.finish();
    await cluster.equalHash();
  } finally {
    load.abandon();
    await cluster.stop("SIGKILL");
  }
  expect(checkLinearizability(load.history)).toMatchObject({ isLinearizable: true });
}

/** It runs, finds the certificates expired, and goes on without serving anyone. */
async function untilRefused(member: ClusterMember): Promise<void> {
  await eventually(`refusal in the log of ${member.name}`, REFUSED_WITHIN_MS, async () =>
    member.log.includes("certificate has expired") ? true : undefined,
  );
  await expect(member.serving(REFUSAL_MS)).rejects.toThrow("does not serve");
  expect(member.isRunning).toBe(true);
}

async function sleepUntil(date: Date): Promise<void> {
  // Certificates count whole seconds.
  await sleep(Math.max(0, date.getTime() - Date.now()) + 1_500);
}

/** The common name of the certificate that a listener shows. @throws Error when it is refused */
function commonNameAt(port: number, { ca, cert, key }: Certificates): Promise<string> {
  const options = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
  return new Promise((resolve, reject) => {
    const socket = connect({ ...options, port, host: "127.0.0.1" }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}
