import { createPrng, type Prng } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { ClientConnection } from "../wire/connection.js";
import { runClosedLoop } from "./closed-loop.js";
import { KeySpace } from "./key-space.js";
import type { LoadOptions } from "./load-options.js";
import { type LoadResult, resultOf } from "./load-result.js";
import { runOpenLoop } from "./open-loop.js";
import type { Operation } from "./operation.js";
import { Tally } from "./tally.js";
import { ValuePool } from "./value-pool.js";

/** Width of a point of the timeline. */
export const SLICE_MS = 100;
/** Enough for ten seconds of a stalled server at 100,000 calls a second. */
const OPEN_CALLS_MAX = 1_000_000;

/** Everything that a workload draws its requests from, all from one seed. */
export interface Source {
  readonly prng: Prng;
  readonly keys: KeySpace;
  readonly values: ValuePool;
}

export function createSource(options: LoadOptions): Source {
  const prng = createPrng(options.seed);
  const { keyBytes, valueBytes, entropy, isSequential } = options;
  return {
    prng,
    keys: new KeySpace({ count: options.keyCount, keyBytes, isSequential }),
    values: new ValuePool({ valueBytes, entropy, prng }),
  };
}

export function connectAll(
  options: LoadOptions,
  count = options.connections,
): Promise<ClientConnection[]> {
  const { endpoints, tls } = options;
  return Promise.all(
    Array.from({ length: count }, (_, i) =>
      ClientConnection.connect({
        endpoint: endpoints[i % endpoints.length]!,
        tls,
        nowMs: nodeClock.nowMs,
      }),
    ),
  );
}

/** Runs a load of unary calls: connects, warms up, measures, ends every call, disconnects. */
export async function runLoad(
  options: LoadOptions,
  choose: () => Operation,
  onMeasuring: () => void = () => undefined,
): Promise<LoadResult> {
  const connections = await connectAll(options);
  try {
    const tally = new Tally(SLICE_MS);
    const startMs = nodeClock.nowMs() + options.warmupSeconds * 1000;
    const endMs = startMs + options.seconds * 1000;
    tally.measure(startMs, endMs, options.ratePerSecond === undefined ? "ends" : "begins");
    const timer = nodeClock.after(options.warmupSeconds * 1000, onMeasuring);
    const goesOn = (): boolean => nodeClock.nowMs() < endMs;
    const common = { connections, choose, tally, goesOn };
    if (options.ratePerSecond === undefined) {
      await runClosedLoop({ ...common, streams: options.streams });
    } else {
      const { ratePerSecond } = options;
      const openCallsMax = OPEN_CALLS_MAX;
      await runOpenLoop({ ...common, ratePerSecond, clock: nodeClock, openCallsMax });
    }
    timer.clear();
    return resultOf(tally, { seconds: options.seconds, untilMs: endMs });
  } finally {
    for (const connection of connections) connection.close();
  }
}

/**
 * Makes `count` calls with a closed loop as wide as the load, and goes on while `goesOnUntilMs` has
 * not come. The time is that of all calls, from the first start to the last end.
 */
export async function runCount(
  options: LoadOptions,
  operation: Operation,
  count: number,
  goesOnUntilMs = 0,
): Promise<LoadResult> {
  const connections = await connectAll(options);
  try {
    const tally = new Tally(SLICE_MS);
    const startMs = nodeClock.nowMs();
    tally.measure(startMs, Number.POSITIVE_INFINITY);
    const width = Math.min(count, options.connections * options.streams);
    const streams = Math.max(1, Math.floor(width / options.connections));
    let left = count - streams * options.connections;
    await runClosedLoop({
      connections,
      streams,
      choose: () => operation,
      tally,
      goesOn: () => left-- > 0 || nodeClock.nowMs() < goesOnUntilMs,
    });
    const endMs = nodeClock.nowMs();
    return resultOf(tally, { seconds: (endMs - startMs) / 1000, untilMs: endMs });
  } finally {
    for (const connection of connections) connection.close();
  }
}
