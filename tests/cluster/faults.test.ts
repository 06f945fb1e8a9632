import { expect, test } from "vitest";
import { FAULTS } from "../support/cluster-faults.js";
import { matrixText, runFaultRounds } from "../support/fault-rounds.js";

/**
 * Clusters of real processes under load and faults. More rounds, and a seed that replays the draws:
 * `node scripts/faults.mjs --rounds 100 --seed 1 --backends lmdb,leveldb,sqlite`.
 */

const seed = Number(process.env.KVORUM_SEED ?? Date.now() % 2 ** 32);
const kinds = Object.keys(FAULTS).length;
const rounds = Number(process.env.KVORUM_FAULT_ROUNDS ?? kinds);
const engines = (process.env.KVORUM_FAULT_BACKENDS ?? "lmdb,leveldb,sqlite").split(",");
const SECONDS_PER_ROUND_MAX = 300;

test(
  `${rounds} faults on ${engines.join(", ")} lose nothing acknowledged (seed ${seed})`,
  async () => {
    console.log(`faults: KVORUM_SEED=${seed}`);
    const onRound = (line: string) => console.log(line);
    const matrix: Parameters<typeof runFaultRounds>[0]["matrix"] = new Map();
    try {
      await runFaultRounds({ engines, rounds, seed, onRound, matrix });
    } finally {
      console.log(matrixText(matrix, { engines, rounds, seed }));
    }
    expect(matrix.size).toBe(Math.min(rounds, kinds));
    for (const { acknowledged } of matrix.values()) expect(acknowledged).toBeGreaterThan(0);
  },
  rounds * SECONDS_PER_ROUND_MAX * 1000,
);
