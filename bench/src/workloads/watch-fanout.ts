import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import { KeySpace } from "../load/key-space.js";
import type { LoadOptions } from "../load/load-options.js";
import { type LoadResult, resultOf } from "../load/load-result.js";
import { connectAll, createSource } from "../load/session.js";
import { Tally } from "../load/tally.js";
import { UnaryCall } from "../load/unary-call.js";
import type { ClientConnection } from "../wire/connection.js";
import { KnownResponses } from "./known-responses.js";
import { ALONE, portionOf } from "./portion.js";
import { putOperation } from "./put-operation.js";
import { PutValues } from "./put-values.js";
import { WatchCall } from "./watch-call.js";
import type { Team, Workload } from "./workload.js";

interface Fanout {
  readonly watchers: number;
  /** Watch streams that share the watchers, over as many connections as the load has at most. */
  readonly watchStreams: number;
  readonly puts: number;
}

/** Puts under way at a time, so that the server may put their events together or not. */
const PUTS_AT_A_TIME = 20;
/** Without an event for so long, those that are missing count as lost. */
const SILENCE_MS = 10_000;

/**
 * Many watchers of one key: every put becomes an event of each. The rate counts events that
 * arrived, from the first put's start to the last event; an event that never comes is an error.
 */
export function watchFanout(name: string, fanout: Fanout): Workload {
  const { watchers, watchStreams, puts } = fanout;
  const show = (n: number): string => n.toLocaleString("en-US");
  return {
    name,
    title: `watch: ${show(watchers)} watchers on ${show(watchStreams)} streams, ${show(puts)} puts`,
    needsFill: false,
    canSplit: true,
    run: ({ load, team }) => runFanout(load, fanout, team ?? ALONE),
  };
}

async function runFanout(load: LoadOptions, whole: Fanout, team: Team): Promise<LoadResult> {
  const fanout = {
    watchers: portionOf(whole.watchers, team),
    watchStreams: portionOf(whole.watchStreams, team),
    puts: whole.puts,
  };
  const count = Math.min(load.connections, fanout.watchStreams);
  const connections = await connectAll(load, count + 1);
  const writer = connections.pop()!;
  try {
    return await measure(load, fanout, { connections, writer }, team);
  } finally {
    writer.close();
    for (const connection of connections) connection.close();
  }
}

async function measure(
  load: LoadOptions,
  { watchers, watchStreams, puts }: Fanout,
  clients: { readonly connections: readonly ClientConnection[]; readonly writer: ClientConnection },
  team: Team,
): Promise<LoadResult> {
  const tally = new Tally(SLICE_MS);
  const expected = watchers * puts;
  let seen = 0;
  let ready = 0;
  let lastMs = nodeClock.nowMs();
  const key = new KeySpace({ count: 1, keyBytes: load.keyBytes, prefix: "watched/" });
  const known = new KnownResponses();
  const values = new PutValues();
  const finished = signal();
  const allReady = signal();
  const calls = Array.from({ length: watchStreams }, (_, i) => {
    const share = Math.floor(watchers / watchStreams) + (i < watchers % watchStreams ? 1 : 0);
    return new WatchCall({
      watchers: share,
      key: key.key(0),
      rangeEnd: Buffer.alloc(0),
      known,
      onRecord: (bytes, { start, end }) => values.saw(bytes, start, end),
      onReady: () => ++ready === watchStreams && allReady.resolve(),
      onEvents: (events, connection) => {
        seen += events;
        lastMs = connection.arrivedMs;
        if (seen >= expected) finished.resolve();
      },
      onFault: (fault) => tally.error(fault),
    });
  });
  startWatches(calls, clients.connections);
  const guard = watchSilence(() => lastMs, [allReady, finished]);
  await allReady.promise;
  if (ready < watchStreams) throw new BenchError("CHECK", "the watchers were not all created");
  // Watchers of all processes see the puts of all: none may begin before the last is there.
  await team.meet();
  const ownPuts = portionOf(puts, team);
  const startMs = nodeClock.nowMs();
  lastMs = startMs;
  tally.measure(startMs, Number.POSITIVE_INFINITY);
  await putAll(clients.writer, load, { key, puts: ownPuts, tally, values });
  await finished.promise;
  guard.clear();
  for (let missing = seen; missing < expected; missing++) tally.error("an event is missing");
  for (let wrong = values.wrong(puts - ownPuts); wrong > 0; wrong--)
    tally.error("an event's value is not its put's");
  const seconds = Math.max(0.001, (lastMs - startMs) / 1000);
  const result = resultOf(tally, { seconds, untilMs: lastMs, unit: "events", count: seen });
  return { ...result, figures: { putsPerSecond: ownPuts / seconds } };
}

const SLICE_MS = 20;

function startWatches(calls: readonly WatchCall[], connections: readonly ClientConnection[]): void {
  calls.forEach((call, i) => {
    const connection = connections[i % connections.length]!;
    connection.start(call);
    call.createRest(connection);
  });
  for (const connection of connections) connection.flush();
}

/** Puts the one key `puts` times, some at a time; resolves after the last reply. */
function putAll(
  writer: ClientConnection,
  load: LoadOptions,
  options: {
    readonly key: KeySpace;
    readonly puts: number;
    readonly tally: Tally;
    readonly values: PutValues;
  },
): Promise<void> {
  const { key, puts, tally, values } = options;
  const operation = values.noting(putOperation({ ...createSource(load), keys: key }));
  const width = Math.min(puts, PUTS_AT_A_TIME);
  let left = puts - width;
  let open = width;
  return new Promise((resolve, reject) => {
    const onDone = (
      call: UnaryCall,
      connection: ClientConnection,
      fault: string | undefined,
    ): void => {
      if (fault !== undefined) reject(new BenchError("CHECK", fault));
      values.answered(call);
      tally.success(call.startedMs, connection.arrivedMs);
      if (left-- > 0) {
        call.startedMs = connection.arrivedMs;
        connection.start(call);
      } else if (--open === 0) resolve();
    };
    for (let i = 0; i < width; i++) {
      const call = new UnaryCall(operation, onDone);
      call.startedMs = nodeClock.nowMs();
      writer.start(call);
    }
    writer.flush();
  });
}

interface Signal {
  readonly promise: Promise<void>;
  resolve(): void;
}

function signal(): Signal {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve: () => resolve() };
}

/** Ends the waiting when nothing has come for too long; what is missing is then counted. */
function watchSilence(lastMs: () => number, signals: readonly Signal[]): { clear(): void } {
  return nodeClock.every(500, () => {
    if (nodeClock.nowMs() - lastMs() < SILENCE_MS) return;
    for (const waiting of signals) waiting.resolve();
  });
}
