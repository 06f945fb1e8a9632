import { createServer as createHttpServer, type RequestListener, type Server } from "node:http";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import type { Clock } from "@kvorum/base";
import { type GrpcServer, sniffProtocol } from "@kvorum/grpc";
import type { ServerTls } from "./tls/server-tls.js";

/** Where to listen: a host and port, or the path of a Unix socket. */
export type ListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

export interface ClientListenerOptions {
  readonly address: ListenAddress;
  readonly clock: Clock;
  /** Undefined: plain text. */
  readonly tls: ServerTls | undefined;
}

/** What a listener's connections are given to; undefined: such connections are closed. */
export interface ClientServers {
  readonly grpc: GrpcServer | undefined;
  readonly http: RequestListener | undefined;
}

/** A client that says nothing for this long after connecting is dropped. */
const SNIFF_TIMEOUT_MS = 10_000;

/**
 * One port for gRPC and HTTP/1.1: the first bytes (or ALPN) decide which of the two a connection
 * speaks, and the socket is handed over. The port is bound before the member starts, so that a port
 * in use is found first; connections that come early wait until `serve`.
 */
export class ClientListener {
  readonly #options: ClientListenerOptions;
  readonly #server: NetServer;
  readonly #sockets = new Set<Socket>();
  #early: Socket[] = [];
  #servers: ClientServers | undefined;
  #http: Server | undefined;

  constructor(options: ClientListenerOptions) {
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
      this.#server.listen({ ...this.#options.address, backlog: 1024 }, () => {
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

  /** Connections are served from now on. */
  serve(servers: ClientServers): void {
    this.#servers = servers;
    if (servers.http !== undefined) this.#http = createHttpServer(servers.http);
    const early = this.#early;
    this.#early = [];
    for (const socket of early) this.#hand(socket, servers);
  }

  /** Accepts no more; idle HTTP/1.1 connections end. gRPC's are the gRPC server's to drain. */
  stopAccepting(): void {
    this.#server.close();
    this.#http?.closeIdleConnections();
  }

  /** Ends every connection now. */
  close(): void {
    this.stopAccepting();
    this.#http?.closeAllConnections();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
    if (this.#servers === undefined) this.#early.push(socket);
    else this.#hand(socket, this.#servers);
  }

  #hand(socket: Socket, servers: ClientServers): void {
    const options = { clock: this.#options.clock, timeoutMs: SNIFF_TIMEOUT_MS };
    sniffProtocol(socket, options, (protocol, head) => {
      if (protocol === "http2" && servers.grpc !== undefined) {
        servers.grpc.handle(socket, head);
      } else if (protocol === "http1" && this.#http !== undefined) {
        if (head.length > 0) socket.unshift(head);
        this.#http.emit("connection", socket);
        socket.resume();
      } else {
        socket.destroy();
      }
    });
  }
}
