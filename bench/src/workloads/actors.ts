import { nodeClock } from "@kvorum/base/node";
import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import { type LoadResult, resultOf } from "../load/load-result.js";
import { connectAll, SLICE_MS } from "../load/session.js";
import { Tally } from "../load/tally.js";
import type { ClientConnection } from "../wire/connection.js";
import { RpcClient } from "./rpc-client.js";

export interface Actor {
  readonly client: RpcClient;
  /** Counts from 0. */
  readonly index: number;
}

export interface ActorsOptions {
  readonly load: LoadOptions;
  readonly count: number;
  /** Before the first step, outside the measured time. */
  readonly prepare?: (clients: readonly ClientConnection[], tally: Tally) => Promise<void>;
  /** One unit of an actor's work: its duration is a latency, its failure an error. */
  readonly step: (actor: Actor) => Promise<void>;
  readonly figures?: () => Readonly<Record<string, number>>;
}

/** Clients that each do one step after another, spread over the load's connections. */
export async function runActors(options: ActorsOptions): Promise<LoadResult> {
  const { load, count, step } = options;
  const connections = await connectAll(load, Math.min(load.connections, count));
  try {
    const tally = new Tally(SLICE_MS);
    await options.prepare?.(connections, tally);
    const startMs = nodeClock.nowMs() + load.warmupSeconds * 1000;
    const endMs = startMs + load.seconds * 1000;
    tally.measure(startMs, endMs);
    const act = async (index: number): Promise<void> => {
      const client = new RpcClient(connections[index % connections.length]!);
      for (let nowMs = nodeClock.nowMs(); nowMs < endMs; nowMs = nodeClock.nowMs()) {
        try {
          await step({ client, index });
          tally.success(nowMs, nodeClock.nowMs());
        } catch (error) {
          if (!(error instanceof BenchError)) throw error;
          tally.error(error.message);
          if (client.connection.closedBecause !== undefined) return;
        }
      }
    };
    await Promise.all(Array.from({ length: count }, (_, index) => act(index)));
    const figures = options.figures?.() ?? {};
    return resultOf(tally, { seconds: load.seconds, untilMs: endMs, figures });
  } finally {
    for (const connection of connections) connection.close();
  }
}
