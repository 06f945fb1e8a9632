import { createPrng } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import { connectAll, createSource, runLoad } from "../load/session.js";
import { putOperation } from "./put-operation.js";
import { RpcClient } from "./rpc-client.js";
import type { Workload } from "./workload.js";

/** Between two compactions or defragmentations. */
const PAUSE_MS = 200;

/** Disturbs a server once; called again and again. */
type Disturb = (client: RpcClient) => Promise<void>;

/**
 * Puts, first undisturbed, then for as long while something else goes on. The result is that of the
 * second half; its figures hold it against the first.
 */
function disturbed(name: string, title: string, disturb: Disturb): Workload {
  return { name, title, needsFill: true, run: ({ load }) => runDisturbed(load, disturb) };
}

export const PUT_WHILE_COMPACTING = disturbed(
  "put-compacting",
  "put while the history is compacted again and again",
  async (client) => {
    const { header } = await client.range({ key: Buffer.from("k") });
    await client.compact(header!.revision);
  },
);

export const PUT_WHILE_DEFRAGMENTING = disturbed(
  "put-defragmenting",
  "put while the store is defragmented again and again",
  (client) => client.defragment(),
);

async function runDisturbed(load: LoadOptions, disturb: Disturb): Promise<LoadResult> {
  const prng = createPrng(load.seed);
  const operation = putOperation({ ...createSource(load), prng });
  const normal = await runLoad(load, () => operation);
  const [connection] = await connectAll(load, 1);
  const client = new RpcClient(connection!);
  let isOver = false;
  let disturbances = 0;
  let spentMs = 0;
  const disturbing = (async () => {
    while (!isOver) {
      const startMs = nodeClock.nowMs();
      await disturb(client);
      spentMs += nodeClock.nowMs() - startMs;
      disturbances++;
      await new Promise<void>((resolve) => nodeClock.after(PAUSE_MS, resolve));
    }
  })();
  try {
    const result = await runLoad(load, () => operation);
    isOver = true;
    await disturbing;
    const figures = {
      undisturbedPerSecond: normal.ratePerSecond,
      rateShare: result.ratePerSecond / normal.ratePerSecond,
      p99Ratio: result.latency.p99Us / normal.latency.p99Us,
      disturbances,
      disturbanceMs: spentMs / Math.max(1, disturbances),
    };
    return { ...result, figures, timeline: joined(normal, result) };
  } finally {
    isOver = true;
    connection!.close();
  }
}

/** Both halves on one time axis, so that a plot shows the difference. */
function joined(first: LoadResult, second: LoadResult): LoadResult["timeline"] {
  const offsetMs = first.seconds * 1000;
  const moved = second.timeline.map((point) => ({ ...point, atMs: point.atMs + offsetMs }));
  return [...first.timeline, ...moved];
}
