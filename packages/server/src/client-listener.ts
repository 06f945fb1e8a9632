import type { RequestListener, Server } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "@kvorum/base";
import { type GrpcServer, sniffProtocol } from "@kvorum/grpc";
import { HeldPort, type HeldPortOptions } from "./held-port.js";
import { createSocketHttp } from "./http/socket-http.js";
import { serverLimits } from "./limits.js";

export interface ClientListenerOptions extends HeldPortOptions {
  readonly clock: Clock;
}

/** What a listener's connections are given to; undefined: such connections are closed. */
export interface ClientServers {
  readonly grpc: GrpcServer | undefined;
  readonly http: RequestListener | undefined;
}

/**
 * One port for gRPC and HTTP/1.1: the first bytes (or ALPN) decide which of the two a connection
 * speaks, and the socket is handed over.
 */
export class ClientListener {
  readonly #clock: Clock;
  readonly #port: HeldPort;
  #http: Server | undefined;

  constructor(options: ClientListenerOptions) {
    this.#clock = options.clock;
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

  /** Connections are served from now on, those that came early too. */
  serve(servers: ClientServers): void {
    if (servers.http !== undefined) this.#http = createSocketHttp(servers.http);
    this.#port.serve((socket) => this.#hand(socket, servers));
  }

  /** Accepts no more; idle HTTP/1.1 connections end. gRPC's are the gRPC server's to drain. */
  stopAccepting(): void {
    this.#port.stopAccepting();
    this.#http?.close();
  }

  /** Ends every connection now. */
  close(): void {
    this.stopAccepting();
    this.#port.close();
  }

  #hand(socket: Socket, servers: ClientServers): void {
    const options = { clock: this.#clock, timeoutMs: serverLimits.firstBytesTimeoutMs };
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
