import type { RequestListener, Server } from "node:http";
import { HeldPort, type HeldPortOptions } from "../held-port.js";
import { createSocketHttp } from "../http/socket-http.js";
import { peerLimits } from "./limits.js";

export interface PeerListenerOptions extends HeldPortOptions {
  /** A connection that waits for its next request this long is closed; undefined: etcd's default. */
  readonly readTimeoutMs?: number;
}

/** A peer port: HTTP/1.1, plain or in TLS. */
export class PeerListener {
  readonly #readTimeoutMs: number;
  readonly #port: HeldPort;
  #http: Server | undefined;

  constructor(options: PeerListenerOptions) {
    this.#readTimeoutMs = options.readTimeoutMs ?? peerLimits.streamReadTimeoutMs;
    this.#port = new HeldPort(options);
  }

  /** Resolves once the port is bound. @throws Node's error, for example EADDRINUSE */
  listen(): Promise<void> {
    return this.#port.listen();
  }

  /** "host:port" as bound: the port that was asked for, or the one chosen for 0. */
  get address(): string {
    return this.#port.address;
  }

  /**
   * Requests are handled from now on, those of connections that came early too.
   * @param handle `PeerTransport.handle`
   */
  serve(handle: RequestListener): void {
    const http = createSocketHttp(handle);
    // A snapshot may take as long as it needs, so no request has a limit as a whole; but where
    // nothing at all happens, the connection ends. Streams carry link heartbeats.
    http.requestTimeout = 0;
    http.timeout = peerLimits.connectionIdleTimeoutMs;
    http.keepAliveTimeout = this.#readTimeoutMs;
    this.#http = http;
    this.#port.serve((socket) => http.emit("connection", socket));
  }

  /** Accepts no more and ends every connection now. */
  close(): void {
    this.#http?.close();
    this.#port.close();
  }
}
