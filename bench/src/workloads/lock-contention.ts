import { createPrng } from "@kvorum/base";
import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import { connectAll } from "../load/session.js";
import { type Actor, runActors } from "./actors.js";
import { RpcClient } from "./rpc-client.js";
import type { Workload } from "./workload.js";

const CLIENTS = 64;
const COUNTERS = 8;

/**
 * Software transactional memory as client libraries do it: read a counter, add one, put it back if
 * nobody was faster, else begin again. A step is one addition that went through; in the end the
 * counters must hold exactly as many as were made.
 */
export const LOCK_CONTENTION: Workload = {
  name: "lock-contention",
  title: `${CLIENTS} clients add to ${COUNTERS} counters, optimistically`,
  needsFill: false,
  run: ({ load }) => runContention(load),
};

async function runContention(load: LoadOptions): Promise<LoadResult> {
  const prng = createPrng(load.seed);
  const prefix = `counter/${prng.below(2 ** 31)}/`;
  let conflicts = 0;
  let additions = 0;
  const step = async ({ client }: Actor): Promise<void> => {
    const key = Buffer.from(`${prefix}${prng.below(COUNTERS)}`);
    for (;;) {
      const [known] = (await client.range({ key })).kvs;
      const value = Buffer.from(String(Number(Buffer.from(known?.value ?? "").toString()) + 1));
      if (await client.compareAndPut(key, known?.modRevision ?? 0, value)) break;
      conflicts++;
    }
    additions++;
  };
  const figures = (): Record<string, number> => ({
    conflictsPerCommit: conflicts / Math.max(1, additions),
  });
  const result = await runActors({ load, count: CLIENTS, step, figures });
  const sum = await sumOf(load, prefix);
  if (sum === additions) return result;
  throw new BenchError("CHECK", `${additions} additions were made and the counters hold ${sum}`);
}

async function sumOf(load: LoadOptions, prefix: string): Promise<number> {
  const [connection] = await connectAll(load, 1);
  const client = new RpcClient(connection!);
  let sum = 0;
  for (let i = 0; i < COUNTERS; i++) {
    const [known] = (await client.range({ key: Buffer.from(`${prefix}${i}`) })).kvs;
    sum += Number(Buffer.from(known?.value ?? "").toString());
  }
  connection!.close();
  return sum;
}
