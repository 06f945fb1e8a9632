import { expect, test } from "vitest";
import { runKillRounds } from "../support/kill-rounds.js";

/**
 * Nodes that are killed under load lose nothing that they acknowledged. More rounds, and a seed
 * that replays the draws: `node scripts/kill-rounds.mjs --rounds 200 --engine lmdb --seed 1`.
 */

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const only = process.env.KVORUM_KILL_ENGINE;
const rounds = process.env.KVORUM_KILL_ROUNDS;
const SECONDS_PER_ROUND_MAX = 30;

const engines = ["lmdb", "leveldb", "sqlite", "memory"].filter(
  (engine) => only === undefined || engine === only,
);

for (const engine of engines) {
  // What the memory engine adds is little: its starts replay the whole log.
  const count = Number(rounds ?? (engine === "memory" ? 6 : 20));
  test(
    `${count} kills on ${engine} lose nothing acknowledged (seed ${seed})`,
    async () => {
      console.log(`${engine}: KVORUM_SEED=${seed}`);
      const onRound = rounds === undefined ? undefined : (line: string) => console.log(line);
      const report = await runKillRounds({ engine, rounds: count, seed, onRound });
      console.log(`${engine}, ${count} rounds: ${JSON.stringify(report)}`);
      expect(report.acknowledged).toBeGreaterThan(0);
    },
    count * SECONDS_PER_ROUND_MAX * 1000,
  );
}
