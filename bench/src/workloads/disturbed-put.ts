import { createPrng } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import type { Band, LoadResult } from "../load/load-result.js";
import { connectAll, createSource, runLoad } from "../load/session.js";
import { putOperation } from "./put-operation.js";
import { RpcClient } from "./rpc-client.js";
import type { Workload } from "./workload.js";

/** Between two compactions or defragmentations, at least. */
const PAUSE_MS = 200;

interface Disturb {
  /** Disturbs a server once; called again and again. */
  readonly once: (client: RpcClient) => Promise<void>;
  /**
   * The pause until the next lasts as long as the last did, so that a server that stops meanwhile
   * can do what has queued up, as it could after the one defragmentation that an operator makes.
   */
  readonly restsAsLong: boolean;
}

/**
 * Puts, first undisturbed, then for as long while something else goes on. The result is that of the
 * second half; its figures hold it against the first.
 */
function disturbed(name: string, title: string, disturb: Disturb): Workload {
  const family = "Maintenance";
  return { name, title, family, needsFill: true, run: ({ load }) => runDisturbed(load, disturb) };
}

export const PUT_WHILE_COMPACTING = disturbed(
  "put-compacting",
  "put while the history is compacted again and again",
  {
    async once(client) {
      const { header } = await client.range({ key: Buffer.from("k") });
      await client.compact(header!.revision);
    },
    restsAsLong: false,
  },
);

export const PUT_WHILE_DEFRAGMENTING = disturbed(
  "put-defragmenting",
  "put while the store is defragmented half of the time",
  { once: (client) => client.defragment(), restsAsLong: true },
);

async function runDisturbed(load: LoadOptions, disturb: Disturb): Promise<LoadResult> {
  const prng = createPrng(load.seed);
  const operation = putOperation({ ...createSource(load), prng });
  const normal = await runLoad(load, () => operation);
  const disturbance = await startDisturbing(load, disturb);
  try {
    let startMs = nodeClock.nowMs();
    const result = await runLoad(
      load,
      () => operation,
      () => {
        startMs = nodeClock.nowMs();
      },
    );
    const { bands, errors } = await disturbance.stop();
    const spentMs = bands.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    const figures = {
      undisturbedPerSecond: normal.ratePerSecond,
      undisturbedP99Us: normal.latency.p99Us,
      rateShare: result.ratePerSecond / normal.ratePerSecond,
      p99Ratio:
        result.latency.count === 0 ? Number.NaN : result.latency.p99Us / normal.latency.p99Us,
      disturbances: bands.length,
      disturbanceMs: spentMs / Math.max(1, bands.length),
    };
    return {
      ...{ ...result, figures, timeline: joined(normal, result) },
      errors: { ...normal.errors, ...result.errors, ...errors },
      bands: bandsOnTimeline(bands, startMs, load),
    };
  } finally {
    await disturbance.stop();
  }
}

interface Disturbance {
  /** Lets the last one end; resolves to when each began and ended, and to what went wrong. */
  stop(): Promise<{ readonly bands: Band[]; readonly errors: Readonly<Record<string, number>> }>;
}

/** Disturbs until it is stopped; ends by itself at the first failure. */
async function startDisturbing(load: LoadOptions, disturb: Disturb): Promise<Disturbance> {
  const [connection] = await connectAll(load, 1);
  const client = new RpcClient(connection!);
  const bands: Band[] = [];
  const errors: Record<string, number> = {};
  let isOver = false;
  const disturbing = (async () => {
    while (!isOver) {
      const fromMs = nodeClock.nowMs();
      await disturb.once(client);
      const toMs = nodeClock.nowMs();
      bands.push({ fromMs, toMs });
      const pauseMs = disturb.restsAsLong ? Math.max(PAUSE_MS, toMs - fromMs) : PAUSE_MS;
      await new Promise<void>((resolve) => nodeClock.after(pauseMs, resolve));
    }
  })().catch((error: unknown) => {
    if (!(error instanceof BenchError)) throw error;
    errors[error.message] = 1;
  });
  return {
    async stop() {
      isOver = true;
      await disturbing;
      connection!.close();
      return { bands, errors };
    },
  };
}

/** Both halves on one time axis, so that a plot shows the difference. */
function joined(first: LoadResult, second: LoadResult): LoadResult["timeline"] {
  const offsetMs = first.seconds * 1000;
  const moved = second.timeline.map((point) => ({ ...point, atMs: point.atMs + offsetMs }));
  return [...first.timeline, ...moved];
}

/** The part of each that lies within the second half, on that axis. */
function bandsOnTimeline(
  bands: readonly Band[],
  startMs: number,
  { seconds }: LoadOptions,
): Band[] {
  const lengthMs = seconds * 1000;
  const place = (ms: number): number =>
    Math.round(lengthMs + Math.min(lengthMs, Math.max(0, ms - startMs)));
  return bands
    .map(({ fromMs, toMs }) => ({ fromMs: place(fromMs), toMs: place(toMs) }))
    .filter(({ fromMs, toMs }) => toMs > fromMs);
}
