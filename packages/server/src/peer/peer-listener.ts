import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import type { ServerTls } from "../tls/server-tls.js";
import { peerLimits } from "./limits.js";

export interface PeerListenerOptions {
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  /** Undefined: plain text. */
  readonly tls: ServerTls | undefined;
  /** A connection that waits for its next request this long is closed; undefined: etcd's default. */
  readonly readTimeoutMs?: number;
}

/**
 * A peer port: HTTP/1.1, plain or in TLS. It is bound before the member starts, so that a port in
 * use is found first; connections that come early wait until `serve`.
 */
export class PeerListener {
  readonly #options: PeerListenerOptions;
  readonly #server: NetServer;
  readonly #sockets = new Set<Socket>();
  #early: Socket[] = [];
  #http: Server | undefined;

  constructor(options: PeerListenerOptions) {
    this.#options = options;
    const accept = (socket: Socket) => this.#accept(socket);
    const { tls } = options;
    this.#server =
      tls === undefined ? createServer({ noDelay: true }, accept) : tls.createServer(accept);
  }

  /** Resolves once the port is bound. @throws Node's error, for example EADDRINUSE */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ ...this.#options.address }, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
  }

  /** "host:port" as bound: the port that was asked for, or the one chosen for 0. */
  get address(): string {
    const bound = this.#server.address();
    if (typeof bound === "string" || bound === null) return bound ?? "";
    const host = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
    return `${host}:${bound.port}`;
  }

  /** Requests are handled from now on. @param handle `PeerTransport.handle` */
  serve(handle: RequestListener): void {
    const http = createHttpServer({ noDelay: true }, handle);
    // A snapshot may take as long as it needs, so no request has a limit as a whole; but where
    // nothing at all happens, the connection ends. Streams carry link heartbeats.
    http.requestTimeout = 0;
    http.timeout = peerLimits.connectionIdleTimeoutMs;
    http.keepAliveTimeout = this.#options.readTimeoutMs ?? peerLimits.streamReadTimeoutMs;
    this.#http = http;
    const early = this.#early;
    this.#early = [];
    for (const socket of early) http.emit("connection", socket);
  }

  /** Accepts no more and ends every connection now. */
  close(): void {
    this.#server.close();
    this.#http?.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#http === undefined) this.#early.push(socket);
    else this.#http.emit("connection", socket);
  }
}
