import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { createPrng } from "@kvorum/base";
import { expect, test } from "vitest";
import { kvorumOn, TestCluster } from "../support/cluster.js";
import {
  type Certificates,
  channelOf,
  makeCertificate,
  makeCertificates,
  tlsArgs,
  whyNoCertificates,
} from "../support/cluster-certificates.js";
import { FAULTS } from "../support/cluster-faults.js";
import { RecordedLoad } from "../support/cluster-load.js";
import { matrixText, runFaultRounds } from "../support/fault-rounds.js";
import { checkLinearizability } from "../support/linearizability.js";
import { scratchDirectory } from "../support/processes.js";
import { testUnless } from "../support/skip.js";

/**
 * Clusters of real processes under load and faults. More rounds, and a seed that replays the draws:
 * `node scripts/faults.mjs --rounds 100 --seed 1 --backends lmdb,leveldb,sqlite`.
 */

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const kinds = Object.keys(FAULTS).length;
const rounds = Number(process.env.KVORUM_FAULT_ROUNDS ?? kinds);
const engines = (process.env.KVORUM_FAULT_BACKENDS ?? "lmdb,leveldb,sqlite").split(",");
const SECONDS_PER_ROUND_MAX = 90;

test(
  `${rounds} faults on ${engines.join(", ")} lose nothing acknowledged (seed ${seed})`,
  async () => {
    console.log(`faults: KVORUM_SEED=${seed}`);
    const onRound = (line: string) => console.log(line);
    const matrix = await runFaultRounds({ engines, rounds, seed, onRound });
    console.log(matrixText(matrix));
    expect(matrix.size).toBe(Math.min(rounds, kinds));
    for (const { acknowledged } of matrix.values()) expect(acknowledged).toBeGreaterThan(0);
  },
  rounds * SECONDS_PER_ROUND_MAX * 1000,
);

const needsOpenssl = testUnless(whyNoCertificates());

needsOpenssl(
  "a certificate that is replaced under load is taken up without a restart",
  async () => {
    const directory = scratchDirectory("certificates");
    const certificates = makeCertificates(directory);
    const cluster = await TestCluster.start({
      programs: engines.map(kvorumOn),
      scheme: "https",
      channel: channelOf(certificates),
      args: tlsArgs(certificates),
    });
    const load = new RecordedLoad({ cluster, prng: createPrng(seed), prefix: "tls/" });
    try {
      await load.progress(20, 30_000);
      makeCertificate(directory, "replaced");
      for (const { spec } of cluster.members) {
        expect(await commonNameAt(spec.clientPort, certificates)).toBe("replaced");
        expect(await commonNameAt(spec.peerPort, certificates)).toBe("replaced");
      }
      // One that starts anew dials and is dialed with the new one, by those that still run.
      const restarted = await cluster.follower();
      await restarted.stop();
      restarted.launch();
      await restarted.serving();
      await cluster.leader();
      await load.progress(20, 30_000);
      await load.finish();
    } finally {
      load.abandon();
      await cluster.equalHash().finally(() => cluster.stop("SIGKILL"));
    }
    expect(checkLinearizability(load.history)).toMatchObject({ isLinearizable: true });
  },
  120_000,
);

/** The common name of the certificate that a listener shows. */
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
