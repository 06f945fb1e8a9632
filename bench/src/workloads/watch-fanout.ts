import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import { KeySpace } from "../load/key-space.js";
import type { LoadOptions } from "../load/load-options.js";
import { type LoadResult, resultOf } from "../load/load-result.js";
import { connectAll, createSource } from "../load/session.js";
import { Tally } from "../load/tally.js";
import { UnaryCall } from "../load/unary-call.js";
import type { CallConnection } from "../wire/call.js";
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
/** Puts of the warm-up for each that is measured. */
const WARM_UP_SHARE = 0.5;
/** Without an event for so long, those that are missing count as lost. */
const SILENCE_MS = 10_000;

/**
 * Many watchers of one key: every put becomes an event of each. The rate counts events that
 * arrived, from the first put's start to the last event; an event that never comes is an error. The
 * same with a share of the puts goes before, unless the load has no warm-up.
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
  const arrivals = new Arrivals();
  const allReady = signal();
  let ready = 0;
  const key = new KeySpace({ count: 1, keyBytes: load.keyBytes, prefix: "watched/" });
  const known = new KnownResponses();
  const values = new PutValues();
  const calls = Array.from({ length: watchStreams }, (_, i) => {
    const share = Math.floor(watchers / watchStreams) + (i < watchers % watchStreams ? 1 : 0);
    return new WatchCall({
      watchers: share,
      key: key.key(0),
      rangeEnd: Buffer.alloc(0),
      known,
      onRecord: (bytes, { start, end }) => values.saw(bytes, start, end),
      onReady: () => ++ready === watchStreams && allReady.resolve(),
      onEvents: (events, connection) => arrivals.add(events, connection.arrivedMs),
      onFault: (fault) => tally.error(fault),
    });
  });
  startWatches(calls, clients.connections);
  const guard = watchSilence(() => arrivals.lastMs, [allReady, arrivals]);
  await allReady.promise;
  if (ready < watchStreams) throw new BenchError("CHECK", "the watchers were not all created");
  /** Resolves when every event of `count` puts, by all processes, is there. */
  const run = async (count: number, isMeasured: boolean): Promise<void> => {
    // Watchers of all processes see the puts of all: none may begin before the last is there.
    await team.meet();
    arrivals.expect(watchers * count);
    if (isMeasured) tally.measure(arrivals.lastMs, Number.POSITIVE_INFINITY);
    await putAll(clients.writer, load, { key, puts: portionOf(count, team), tally, values });
    for (let lost = await arrivals.missing(); lost > 0; lost--) tally.error("an event is missing");
  };
  const warmUpPuts = load.warmupSeconds > 0 ? Math.ceil(puts * WARM_UP_SHARE) : 0;
  if (warmUpPuts > 0) await run(warmUpPuts, false);
  await run(puts, true);
  guard.clear();
  const othersPuts = [warmUpPuts, puts].reduce((n, all) => n + all - portionOf(all, team), 0);
  for (let wrong = values.wrong(othersPuts); wrong > 0; wrong--)
    tally.error("an event's value is not its put's");
  const { seconds, count, total, lastMs } = arrivals;
  const result = resultOf(tally, { seconds, untilMs: lastMs, unit: "events", count });
  return { ...result, total, figures: { putsPerSecond: portionOf(puts, team) / seconds } };
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
      connection: CallConnection,
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

/** Counts the events that come, run by run. */
class Arrivals implements Signal {
  /** Of all runs. */
  total = 0;
  /** At the start of the run, and at its end; an event may be here before its run is begun here. */
  #from = 0;
  #until = 0;
  #startMs = nodeClock.nowMs();
  /** The last event, or the start of the run. */
  lastMs = this.#startMs;
  #signal = signal();

  /** Begins a run. */
  expect(events: number): void {
    this.#startMs = nodeClock.nowMs();
    this.lastMs = this.#startMs;
    this.#from = this.#until;
    this.#until += events;
    this.#signal = signal();
    if (this.total >= this.#until) this.#signal.resolve();
  }

  /** Of this run. */
  get count(): number {
    return this.total - this.#from;
  }

  add(events: number, arrivedMs: number): void {
    this.total += events;
    this.lastMs = arrivedMs;
    if (this.total >= this.#until) this.#signal.resolve();
  }

  /** From the start of the run to its last event. */
  get seconds(): number {
    return Math.max(0.001, (this.lastMs - this.#startMs) / 1000);
  }

  get promise(): Promise<void> {
    return this.#signal.promise;
  }

  /** Gives up waiting. */
  resolve(): void {
    this.#signal.resolve();
  }

  /** Waits for the run's last event; returns how many did not come. */
  async missing(): Promise<number> {
    await this.promise;
    const count = Math.max(0, this.#until - this.total);
    this.#until = this.total;
    return count;
  }
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
