import { expect, test } from "vitest";
import { runInstallRounds } from "../support/install-rounds.js";

/**
 * Followers that take snapshots of the leader under load and are killed meanwhile, on each engine.
 * KVORUM_INSTALL_ROUNDS says how often, KVORUM_INSTALL_BACKENDS on which engines.
 */

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const rounds = Number(process.env.KVORUM_INSTALL_ROUNDS ?? 2);
const engines = (process.env.KVORUM_INSTALL_BACKENDS ?? "lmdb,leveldb,sqlite").split(",");
const SECONDS_PER_ROUND_MAX = 300;

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
