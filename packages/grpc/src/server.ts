import type { Socket } from "node:net";
import type { Clock } from "@kvorum/base";
import { Connection } from "./connection.js";
import { DeadlineWheel } from "./deadlines.js";
import type { Http2Error } from "./http2-error.js";
import type { Http2Handler } from "./http2-exchange.js";
import type { KeepaliveOptions } from "./keepalive.js";
import { defaultLimits, type TransportLimits } from "./limits.js";
import { MethodResolver } from "./method-resolver.js";
import { ChunkPool } from "./output.js";
import type { Flushable, ServerContext, TransportCounters } from "./server-context.js";
import type { Method, MethodTable, Peer, TransportStat } from "./types.js";

export interface GrpcServerOptions {
  readonly methods: MethodTable;
  readonly clock: Clock;
  /** Longest request message, also after inflating; etcd: --max-request-bytes + 512 KiB. */
  readonly maxReceiveMessageBytes: number;
  /** Announced to clients; 4294967295 (the default) announces none. `openStreamsMax` holds too. */
  readonly maxConcurrentStreams?: number;
  /** Default: 5 s, 2 h, 20 s as etcd's. An interval of 0 sends no pings. */
  readonly keepalive?: Partial<KeepaliveOptions>;
  /** What may wait for a slow client on one stream before its call fails. Default 16 MiB. */
  readonly streamQueueBytesMax?: number;
  /** Asked for a path that is not in `methods`, once a header block. */
  readonly onUnknownMethod?: (path: string) => Method | undefined;
  /** A client broke the protocol or a limit and its connection is being closed. For logs. */
  readonly onError?: (peer: Peer, error: Http2Error) => void;
  /** The connection is gone; every call on it was cancelled before. */
  readonly onClose?: (peer: Peer) => void;
  readonly limits?: Partial<TransportLimits>;
}

/** The defaults of etcd's flags of the same names. */
const DEFAULT_KEEPALIVE: KeepaliveOptions = {
  minTimeMs: 5_000,
  intervalMs: 2 * 60 * 60 * 1000,
  timeoutMs: 20_000,
};
const DEFAULT_CONCURRENT_STREAMS = 0xffff_ffff;
const DEFAULT_STREAM_QUEUE_BYTES = 16 * 1024 * 1024;

/**
 * A gRPC server over HTTP/2 (RFC 9113). It does not listen: whoever accepts a connection, and has
 * found out that it speaks HTTP/2 (ALPN or `sniffProtocol`), hands the socket over.
 */
export class GrpcServer {
  readonly #context: ServerContext;
  readonly #counters: TransportCounters = { receivedBytes: 0, sentBytes: 0 };
  readonly #connections = new Set<Connection>();
  readonly #onClose: ((peer: Peer) => void) | undefined;
  /** Connections with output of this turn. */
  #dirty: Flushable[] = [];
  #whenDrained: (() => void)[] = [];
  #isDraining = false;

  constructor(options: GrpcServerOptions) {
    const limits = { ...defaultLimits, ...options.limits };
    this.#onClose = options.onClose;
    this.#context = {
      clock: options.clock,
      limits,
      resolver: new MethodResolver(options.methods, options.onUnknownMethod),
      wheel: new DeadlineWheel(options.clock, limits.deadlineSlotMs),
      pool: new ChunkPool(limits.outputChunkBytes),
      counters: this.#counters,
      keepalive: { ...DEFAULT_KEEPALIVE, ...options.keepalive },
      maxReceiveMessageBytes: options.maxReceiveMessageBytes,
      maxConcurrentStreams: options.maxConcurrentStreams ?? DEFAULT_CONCURRENT_STREAMS,
      streamQueueBytesMax: options.streamQueueBytesMax ?? DEFAULT_STREAM_QUEUE_BYTES,
      onError: options.onError,
      schedule: (connection) => this.#schedule(connection),
      onClosed: (connection) => this.#onConnectionClosed(connection),
    };
  }

  /**
   * Takes over a connection. Calls begin after this returns, so the peer's `state` may be set first.
   * @param head bytes that were read from the socket already
   * @param onHttp2Request answers this connection's requests that are not gRPC; without it they
   *   get 415
   */
  handle(socket: Socket, head?: Buffer, onHttp2Request?: Http2Handler): Peer {
    if (head !== undefined && head.length > 0) socket.unshift(head);
    const connection = new Connection(socket, this.#context, onHttp2Request);
    this.#connections.add(connection);
    if (socket.destroyed) connection.destroy();
    else if (this.#isDraining) connection.drain();
    return connection.peer;
  }

  /**
   * Tells every client to go away, lets the open calls finish, and resolves when the last connection
   * is closed. Streams that never end by themselves must be ended by their handlers, or `close` be
   * called.
   */
  drain(): Promise<void> {
    this.#isDraining = true;
    for (const connection of this.#connections) connection.drain();
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenDrained.push(resolve));
  }

  /** Closes every connection at once; open calls are cancelled. */
  close(): void {
    this.#isDraining = true;
    for (const connection of [...this.#connections]) connection.destroy();
    this.#context.wheel.close();
  }

  stat(): TransportStat {
    return { connections: this.#connections.size, ...this.#counters };
  }

  #schedule(connection: Flushable): void {
    if (this.#dirty.push(connection) === 1) this.#context.clock.soon(() => this.#flushAll());
  }

  /**
   * Every connection writes what its calls were answered in this turn. What waits in queues is
   * written as far as a turn's share goes; connections that come too late are first in the next.
   */
  #flushAll(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    let shareLeft = this.#context.limits.turnBytesMax;
    let served = -1;
    for (const connection of dirty) {
      shareLeft -= connection.flush(shareLeft > 0);
      if (shareLeft <= 0 && served < 0) served = this.#dirty.length;
    }
    if (served <= 0) return;
    this.#dirty = this.#dirty.slice(served).concat(this.#dirty.slice(0, served));
  }

  #onConnectionClosed(closed: Flushable): void {
    const connection = closed as Connection;
    if (!this.#connections.delete(connection)) return;
    this.#onClose?.(connection.peer);
    if (!this.#isDraining || this.#connections.size > 0) return;
    const whenDrained = this.#whenDrained;
    this.#whenDrained = [];
    for (const resolve of whenDrained) resolve();
  }
}
