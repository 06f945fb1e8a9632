import { nodeClock } from "@kvorum/base/node";
import { KeySpace } from "../load/key-space.js";
import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import type { Operation } from "../load/operation.js";
import { createSource, runCount, runLoad, type Source } from "../load/session.js";
import { ALONE, portionOf } from "./portion.js";
import { putOperation } from "./put-operation.js";
import { rangeOperation, rangeStreamOperation } from "./range-operation.js";
import { txnPutOperation } from "./txn-operation.js";
import type { Team, Workload } from "./workload.js";

/**
 * Puts every key of the key space once, in order.
 * @param first those below it are there already
 * @throws BenchError
 */
export function fill(load: LoadOptions, first = 0): Promise<LoadResult> {
  const source = createSource(load);
  const { keyBytes, keyCount } = load;
  const keys = new KeySpace({ count: keyCount, keyBytes, isSequential: true, first });
  return runCount(load, putOperation({ ...source, keys }), keyCount - first);
}

/** The same as a row of a report, for what a filled store occupies. */
export const FILL: Workload = {
  name: "fill",
  title: "fill: every key put once, in order",
  family: "Keys and transactions",
  needsFill: false,
  run: ({ load }) => fill(load),
};

function range(
  { keys, prng }: Source,
  load: LoadOptions,
  options: { isSerializable: boolean; span?: number; isKeysOnly?: boolean; isCountOnly?: boolean },
): Operation {
  const { valueBytes } = load;
  const span = Math.min(options.span ?? 1, load.keyCount);
  return rangeOperation({ keys, prng, ...options, span, valueBytes });
}

/** One operation again and again. */
function single(
  name: string,
  title: string,
  operation: (source: Source, load: LoadOptions) => Operation,
  needsFill = true,
): Workload {
  return {
    name,
    title,
    needsFill,
    canSplit: true,
    run({ load }) {
      const chosen = operation(createSource(load), load);
      return runLoad(load, () => chosen);
    },
  };
}

/** One client with one call at a time: the latency of an idle server. */
function alone(workload: Workload, name: string, title: string): Workload {
  return {
    ...workload,
    name,
    title,
    canSplit: false,
    run: ({ load, server }) =>
      workload.run({
        server,
        load: { ...load, connections: 1, streams: 1, ratePerSecond: undefined },
      }),
  };
}

/** Few calls at a time, for those that keep a server busy for milliseconds each. */
function narrow(workload: Workload): Workload {
  return {
    ...workload,
    run: ({ load, server, team }) =>
      workload.run({ server, load: { ...load, connections: wideConnections(team), streams: 1 } }),
  };
}

/** Picks `write` in `writePercent` of the calls. */
function mixed(
  name: string,
  title: string,
  writePercent: number,
  write: (source: Source) => Operation,
): Workload {
  return {
    name,
    title,
    needsFill: true,
    canSplit: true,
    run({ load }) {
      const source = createSource(load);
      const writes = write(source);
      const reads = range(source, load, { isSerializable: false });
      return runLoad(load, () => (source.prng.below(100) < writePercent ? writes : reads));
    },
  };
}

/** Of all processes together, but each has one at least. */
const WIDE_CONNECTIONS = 4;

function wideConnections(team: Team = ALONE): number {
  return Math.max(1, portionOf(WIDE_CONNECTIONS, team));
}

/** At least so many are timed. */
const WIDE_CALLS_MIN = 16;

interface Wide {
  readonly span: number;
  readonly streams: number;
  readonly isStream?: boolean;
}

/** Ranges over many keys need few streams, or their replies fill the machine's memory. */
function wide(name: string, title: string, { span, streams, isStream }: Wide): Workload {
  return {
    name,
    title,
    needsFill: true,
    canSplit: true,
    run({ load, team }) {
      const { keys, prng } = createSource(load);
      const operation = (isStream ? rangeStreamOperation : rangeOperation)({
        ...{ keys, prng, isSerializable: false, valueBytes: load.valueBytes },
        span: Math.min(span, load.keyCount),
      });
      const connections = Math.min(load.connections, wideConnections(team));
      const narrowed = { ...load, streams, connections };
      return streams === 1 ? runWhole(narrowed, operation) : runLoad(narrowed, () => operation);
    },
  };
}

/**
 * Few replies of many megabytes fit into a short run, so each that was started counts: the time
 * lasts until the last has ended, and a slow server is given longer for a number worth a median.
 */
async function runWhole(load: LoadOptions, operation: Operation): Promise<LoadResult> {
  const warmUp = await runCount(load, operation, load.connections);
  const untilMs = nodeClock.nowMs() + load.seconds * 1000;
  const result = await runCount(load, operation, WIDE_CALLS_MIN, untilMs);
  const total = result.total + warmUp.total;
  return { ...result, total, errors: { ...warmUp.errors, ...result.errors } };
}

const put = single("put", "put", (source) => putOperation(source), false);
const rangeOne = single("range", "range of one key, linearizable", (source, load) =>
  range(source, load, { isSerializable: false }),
);

export const KV_WORKLOADS: readonly Workload[] = [
  put,
  rangeOne,
  single("range-serializable", "range of one key, serializable", (source, load) =>
    range(source, load, { isSerializable: true }),
  ),
  mixed("mixed", "20 % put, 80 % linearizable range", 20, putOperation),
  single("txn-put", "transaction: compare and put", txnPutOperation, false),
  mixed("txn-mixed", "20 % compare-and-put, 80 % range", 20, txnPutOperation),
  alone(put, "put-alone", "put, one client, one at a time"),
  alone(rangeOne, "range-alone", "linearizable range, one client, one at a time"),
];

export const WIDE_WORKLOADS: readonly Workload[] = [
  wide("range-10", "range of 10 keys", { span: 10, streams: 50 }),
  wide("range-100k", "range of all keys (100,000 at most)", { span: 100_000, streams: 1 }),
  wide("range-stream", "RangeStream of all keys (100,000 at most)", {
    ...{ span: 100_000, streams: 1 },
    isStream: true,
  }),
  narrow(
    single("range-keys-only", "range of 1,000 keys, keys only", (source, load) =>
      range(source, load, { isSerializable: false, span: 1000, isKeysOnly: true }),
    ),
  ),
  narrow(
    single("range-count", "count of all keys (100,000 at most)", (source, load) =>
      range(source, load, { isSerializable: false, span: 100_000, isCountOnly: true }),
    ),
  ),
];
