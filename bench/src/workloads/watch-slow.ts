import { nodeClock } from "@kvorum/base/node";
import { runClosedLoop } from "../load/closed-loop.js";
import { KeySpace } from "../load/key-space.js";
import type { LoadOptions } from "../load/load-options.js";
import { type LoadResult, resultOf } from "../load/load-result.js";
import { connectAll, createSource, SLICE_MS } from "../load/session.js";
import { Tally } from "../load/tally.js";
import { ClientConnection } from "../wire/connection.js";
import { putOperation } from "./put-operation.js";
import { WatchCall } from "./watch-call.js";
import type { Workload } from "./workload.js";

const FAST_WATCHERS = 10;
const SLOW_CONNECTIONS = 20;
const SLOW_WATCHERS_EACH = 5;
/** What a client that never changed its HTTP/2 settings offers. */
const SLOW_WINDOW_BYTES = 65_535;

/**
 * Puts to a watched range while most watchers' clients stand still. The rate is that of the puts;
 * the server must keep the fast watchers fed and its memory bounded (see its RSS in the report).
 */
export const WATCH_SLOW: Workload = {
  name: "watch-slow",
  title: `put with ${FAST_WATCHERS} fast watchers and ${SLOW_CONNECTIONS} clients that stand still`,
  needsFill: false,
  run: ({ load }) => runSlow(load),
};

async function runSlow(load: LoadOptions): Promise<LoadResult> {
  const [endpoint] = load.endpoints;
  const fast = await connectAll(load);
  const slow = await Promise.all(
    Array.from({ length: SLOW_CONNECTIONS }, () =>
      ClientConnection.connect({
        ...{ endpoint: endpoint!, tls: load.tls, nowMs: nodeClock.nowMs },
        windowBytes: SLOW_WINDOW_BYTES,
      }),
    ),
  );
  try {
    return await measure(load, fast, slow);
  } finally {
    for (const connection of [...fast, ...slow]) connection.close();
  }
}

async function measure(
  load: LoadOptions,
  fast: readonly ClientConnection[],
  slow: readonly ClientConnection[],
): Promise<LoadResult> {
  const tally = new Tally(SLICE_MS);
  const keys = new KeySpace({ count: 1000, keyBytes: load.keyBytes, prefix: "slow/" });
  let events = 0;
  const watch = (connection: ClientConnection, watchers: number): Promise<void> =>
    new Promise((resolve) => {
      const call = new WatchCall({
        ...{ watchers, key: keys.key(0), rangeEnd: keys.key(keys.count), onReady: resolve },
        onEvents(count) {
          if (!slow.includes(connection)) events += count;
        },
        onFault: (fault) => tally.error(fault),
      });
      connection.start(call);
      call.createRest(connection);
      connection.flush();
    });
  const watchers = Array.from({ length: FAST_WATCHERS }, (_, i) =>
    watch(fast[i % fast.length]!, 1),
  );
  await Promise.all([...watchers, ...slow.map((c) => watch(c, SLOW_WATCHERS_EACH))]);
  for (const connection of slow) connection.setReading(false);
  const operation = putOperation({ ...createSource(load), keys });
  const startMs = nodeClock.nowMs() + load.warmupSeconds * 1000;
  const endMs = startMs + load.seconds * 1000;
  tally.measure(startMs, endMs);
  await runClosedLoop({
    ...{ connections: fast, streams: load.streams, choose: () => operation, tally },
    goesOn: () => nodeClock.nowMs() < endMs,
  });
  const fastEventsPerSecond = events / (load.seconds + load.warmupSeconds);
  return resultOf(tally, {
    ...{ seconds: load.seconds, untilMs: endMs },
    figures: { fastEventsPerSecond },
  });
}
