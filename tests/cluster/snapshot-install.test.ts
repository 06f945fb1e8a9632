import { expect, test } from "vitest";
import { eventually, kvorumOn, settled, TestCluster } from "../support/cluster.js";
import { runInstallRounds } from "../support/install-rounds.js";
import { cluster as clusterApi, deleteRange, kv, put, range } from "../support/rpc.js";

/**
 * Followers that take snapshots of the leader under load and are killed meanwhile, on each engine.
 * KVORUM_INSTALL_ROUNDS says how often, KVORUM_INSTALL_BACKENDS on which engines.
 */

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const rounds = Number(process.env.KVORUM_INSTALL_ROUNDS ?? 2);
const engines = (process.env.KVORUM_INSTALL_BACKENDS ?? "lmdb,leveldb,sqlite").split(",");
const SECONDS_PER_ROUND_MAX = 300;
const PUTS = 30;

for (const engine of engines) {
  test(
    `${rounds} interrupted snapshot installs on ${engine} lead to the leader's content (seed ${seed})`,
    async () => {
      console.log(`snapshot installs on ${engine}: KVORUM_SEED=${seed}`);
      const onRound = (line: string) => console.log(line);
      const report = await runInstallRounds({ engine, rounds, seed, onRound });
      console.log(`${engine}: ${JSON.stringify(report)}`);
      expect(report.begun).toBeGreaterThan(0);
    },
    (1 + rounds) * SECONDS_PER_ROUND_MAX * 1000,
  );
}

test("a leader sends a snapshot amid entries that write nothing", async () => {
  const cluster = await TestCluster.start({
    programs: [kvorumOn("lmdb")],
    args: ["--snapshot-count", "20", "--snapshot-catchup-entries", "1"],
  });
  try {
    const leader = cluster.at(0);
    const key = Buffer.from("k");
    for (let i = 0; i < PUTS; i++) await leader.rpc.call(kv.put, put({ key, value: key }));
    const learner = await cluster.make(kvorumOn("lmdb"));
    const request = { peerURLs: [learner.peerUrl], isLearner: true };
    await settled(() => leader.rpc.call(clusterApi.memberAdd, request));
    const { initialCluster } = cluster;
    learner.launch({ initialCluster, state: "existing", token: "etcd-cluster-1" });
    const absent = deleteRange({ key: Buffer.from("absent") });
    await eventually("learner with the leader's content", 60_000, async () => {
      // Moves the applied index on and leaves the engine nothing to commit.
      await leader.rpc.call(kv.deleteRange, absent, 1_000);
      const { kvs } = await learner.rpc.call(kv.range, range({ key, serializable: true }));
      return kvs[0]?.version === PUTS ? true : undefined;
    });
    expect(leader.log).toContain("sent database snapshot");
  } finally {
    await cluster.stop();
  }
}, 120_000);
