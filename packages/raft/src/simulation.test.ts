import { describe, expect, it } from "vitest";
import { Simulation } from "./testing/simulation.js";

/** KVORUM_SEED=<n> runs that seed alone. */
const given = process.env.KVORUM_SEED;
const first = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
const runs = given === undefined ? 150 : 1;

function simulate(seed: number, changesMembers: boolean): void {
  const simulation = new Simulation({ seed, actions: 3_000, changesMembers });
  try {
    simulation.run();
    expect(simulation.heal(400), "rounds until a healed group answers").toBeDefined();
  } catch (cause) {
    throw new Error(`KVORUM_SEED=${seed} breaks a guarantee: ${String(cause)}`, { cause });
  }
}

describe(`random runs from seed ${first}`, () => {
  it("keeps Raft's guarantees with a fixed group", () => {
    for (let i = 0; i < runs; i++) simulate(first + i, false);
  });

  it("keeps them while members come and go", () => {
    for (let i = 0; i < runs; i++) simulate(first + i, true);
  });
});
