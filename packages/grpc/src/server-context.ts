import type { Clock } from "@kvorum/base";
import type { DeadlineWheel } from "./deadlines.js";
import type { Http2Error } from "./http2-error.js";
import type { KeepaliveOptions } from "./keepalive.js";
import type { TransportLimits } from "./limits.js";
import type { MethodResolver } from "./method-resolver.js";
import type { ChunkPool } from "./output.js";
import type { Peer } from "./types.js";

/** Counters that the connections of a server share. */
export interface TransportCounters {
  receivedBytes: number;
  sentBytes: number;
}

/** What all connections of one server share. */
export interface ServerContext {
  readonly clock: Clock;
  readonly limits: TransportLimits;
  readonly resolver: MethodResolver;
  readonly wheel: DeadlineWheel;
  readonly pool: ChunkPool;
  readonly counters: TransportCounters;
  readonly keepalive: KeepaliveOptions;
  readonly maxReceiveMessageBytes: number;
  readonly maxConcurrentStreams: number;
  readonly streamQueueBytesMax: number;
  readonly onError: ((peer: Peer, error: Http2Error) => void) | undefined;
  /** Calls `flush` of the connection at the end of this turn. */
  schedule(connection: Flushable): void;
  onClosed(connection: Flushable): void;
}

export interface Flushable {
  /**
   * Writes what this turn has produced; with `mayPump`, also of what waits in queues.
   * @returns bytes that came from queues
   */
  flush(mayPump: boolean): number;
}
