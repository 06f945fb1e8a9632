import { nodeClock } from "@kvorum/base/node";
import { KeySpace } from "../load/key-space.js";
import type { LoadOptions } from "../load/load-options.js";
import { type LoadResult, resultOf } from "../load/load-result.js";
import { runOpenLoop } from "../load/open-loop.js";
import type { Operation } from "../load/operation.js";
import { ProtoScan } from "../load/proto-scan.js";
import { connectAll, createSource, SLICE_MS } from "../load/session.js";
import { Tally } from "../load/tally.js";
import { putOperation } from "./put-operation.js";
import { WatchCall } from "./watch-call.js";
import type { Workload } from "./workload.js";

const WATCHERS = 100;
const PUTS_PER_SECOND = 1000;
/** Digits of a put's number at the start of its value. */
const NUMBER_DIGITS = 10;

/**
 * How long an event takes: puts at a fixed rate, each carrying its number in its value, to a range
 * that many watch; a latency is from the put's intended start to the event's arrival at a watcher.
 */
export const WATCH_LATENCY: Workload = {
  name: "watch-latency",
  title: `latency of events: ${PUTS_PER_SECOND} puts/s, ${WATCHERS} watchers of all of them`,
  needsFill: false,
  run: ({ load }) => runLatency(load),
};

async function runLatency(load: LoadOptions): Promise<LoadResult> {
  const connections = await connectAll(load);
  const tally = new Tally(SLICE_MS);
  const puts = new Tally(SLICE_MS);
  try {
    const source = createSource({ ...load, valueBytes: Math.max(load.valueBytes, NUMBER_DIGITS) });
    const keys = new KeySpace({ count: 1000, keyBytes: load.keyBytes, prefix: "latency/" });
    const sentMs: number[] = [];
    await openWatchers(connections, keys, tally, (number, arrivedMs) => {
      const startedMs = sentMs[number];
      if (startedMs !== undefined) tally.success(startedMs, arrivedMs);
    });
    const startMs = nodeClock.nowMs() + load.warmupSeconds * 1000;
    const endMs = startMs + load.seconds * 1000;
    tally.measure(startMs, endMs);
    const operation = numbered(putOperation({ ...source, keys }), sentMs);
    await runOpenLoop({
      ...{ connections, choose: () => operation, tally: puts, clock: nodeClock },
      ...{ ratePerSecond: PUTS_PER_SECOND, openCallsMax: 100_000 },
      goesOn: () => nodeClock.nowMs() < endMs,
    });
    for (const [what, times] of puts.errors) {
      for (let i = 0; i < times; i++) tally.error(what);
    }
    return resultOf(tally, { seconds: load.seconds, untilMs: endMs, unit: "events" });
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Writes the put's number over the start of its value and notes when it was sent. */
function numbered(put: Operation, sentMs: number[]): Operation {
  return {
    ...put,
    write(into, at, state) {
      const end = put.write(into, at, state);
      const number = String(sentMs.length).padStart(NUMBER_DIGITS, "0");
      const value = valueStart(into, at, end);
      into.write(number, value, "latin1");
      sentMs.push(state.startedMs);
      return end;
    },
  };
}

const scan = new ProtoScan();

/** `value = 2` of a PutRequest. */
function valueStart(bytes: Buffer, start: number, end: number): number {
  scan.reset(bytes, start, end);
  while (scan.next()) if (scan.field === 2) break;
  return scan.start;
}

function openWatchers(
  connections: Awaited<ReturnType<typeof connectAll>>,
  keys: KeySpace,
  tally: Tally,
  onNumber: (number: number, arrivedMs: number) => void,
): Promise<void> {
  const record = new ProtoScan();
  let ready = 0;
  return new Promise((resolve) => {
    for (let i = 0; i < WATCHERS; i++) {
      const call = new WatchCall({
        ...{ watchers: 1, key: keys.key(0), rangeEnd: keys.key(keys.count) },
        onReady: () => ++ready === WATCHERS && resolve(),
        onEvents: () => undefined,
        onRecord(bytes, { start, end }, connection) {
          record.reset(bytes, start, end);
          while (record.next()) if (record.field === 5) break;
          const text = bytes.toString("latin1", record.start, record.start + NUMBER_DIGITS);
          onNumber(Number(text), connection.arrivedMs);
        },
        onFault: (fault) => tally.error(fault),
      });
      connections[i % connections.length]!.start(call);
    }
    for (const connection of connections) connection.flush();
  });
}
