import { createPrng } from "@kvorum/base";
import type { Op } from "../port.js";
import { noise, revisionKey } from "./model.js";

export const COUNTER_KEY = Buffer.from("consistent_index");

/** Commits whose records still stand; older ones were deleted. */
const KEPT_COMMITS = 4;

/**
 * Commit number `number` of the killed process: it writes records, deletes those of an older commit
 * and sets a counter, all from the seed alone. So the counter that is found after a kill tells
 * exactly which records there must be.
 */
export function workloadOps(seed: number, number: number): Op[] {
  const ops = recordsOf(seed, number);
  const old = number - KEPT_COMMITS;
  if (old > 0) for (const op of recordsOf(seed, old)) ops.push({ ...op, value: undefined });
  const value = Buffer.alloc(8);
  value.writeBigUInt64BE(BigInt(number));
  ops.push({ bucket: "meta", key: COUNTER_KEY, value });
  return ops;
}

/** All records of bucket "key" after commit `number`, in order. */
export function workloadState(seed: number, number: number): Op[] {
  const state: Op[] = [];
  for (let i = Math.max(1, number - KEPT_COMMITS + 1); i <= number; i++) {
    state.push(...recordsOf(seed, i));
  }
  return state;
}

function recordsOf(seed: number, number: number): Op[] {
  const prng = createPrng(seed + number);
  const count = 20 + prng.below(300);
  const ops: Op[] = [];
  for (let sub = 0; sub < count; sub++) {
    const large = prng.below(200) === 0;
    const length = large ? 50_000 : prng.below(400);
    ops.push({ bucket: "key", key: revisionKey(number, sub), value: noise(length, number + sub) });
  }
  return ops;
}
