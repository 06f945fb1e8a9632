import type { Server } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket, type Server as TlsServer } from "node:tls";
import type { Clock } from "@kvorum/base";
import { GrpcServer, type Http2Handler, sniffProtocol } from "@kvorum/grpc";
import { HeldPort, type HeldPortOptions } from "./held-port.js";
import { createHttp2Pages } from "./http/http2-pages.js";
import type { Pages } from "./http/page.js";
import { createSocketHttp } from "./http/socket-http.js";
import { serverLimits } from "./limits.js";

export interface ClientListenerOptions extends HeldPortOptions {
  readonly clock: Clock;
  /** With `tls`, clients without it are served as well; what a client sends first tells. */
  readonly plainToo?: boolean;
}

/** What a listener's connections are given to; undefined: such connections are closed. */
export interface ClientServers {
  readonly grpc: GrpcServer | undefined;
  readonly http: Pages | undefined;
}

/**
 * One port for gRPC and pages: the first bytes decide whether a connection speaks HTTP/1.1 or
 * HTTP/2, and the socket is handed over. On a connection with HTTP/2 over TLS each request may be
 * for either; without TLS such a connection is for gRPC alone, as it is at etcd's port.
 */
export class ClientListener {
  readonly #clock: Clock;
  readonly #port: HeldPort;
  /** Of a port with and without TLS; it makes the handshakes and does not listen. */
  readonly #handshakes: TlsServer | undefined;
  #http: Server | undefined;
  #grpc: GrpcServer | undefined;
  #http2Pages: Http2Handler | undefined;
  /** Serves HTTP/2 where no gRPC is served. */
  #pagesOnly: GrpcServer | undefined;

  constructor({ address, tls, clock, plainToo = false }: ClientListenerOptions) {
    this.#clock = clock;
    this.#port = new HeldPort({ address, tls: plainToo ? undefined : tls });
    this.#handshakes = plainToo
      ? tls?.createServer((socket) => {
          socket.on("error", () => socket.destroy());
          this.#hand(socket);
        })
      : undefined;
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
    this.#grpc = servers.grpc;
    if (servers.http !== undefined) {
      this.#http = createSocketHttp(servers.http, {
        headersTimeout: serverLimits.requestHeadTimeoutMs,
        // A watch's request goes on for as long as its client likes. The gateway bounds the others.
        requestTimeout: 0,
      });
      this.#http2Pages = createHttp2Pages(servers.http, this.#clock);
      if (servers.grpc === undefined) this.#pagesOnly = createPagesServer(this.#clock);
    }
    this.#port.serve((socket) => this.#hand(socket));
  }

  /** Accepts no more; idle connections for pages end. Those for gRPC are its server's to drain. */
  stopAccepting(): void {
    this.#port.stopAccepting();
    this.#http?.close();
    void this.#pagesOnly?.drain();
  }

  /** Ends every connection now. */
  close(): void {
    this.stopAccepting();
    this.#pagesOnly?.close();
    this.#port.close();
  }

  #hand(socket: Socket): void {
    const options = { clock: this.#clock, timeoutMs: serverLimits.firstBytesTimeoutMs };
    sniffProtocol(socket, options, (protocol, head) => {
      const pages = socket instanceof TLSSocket ? this.#http2Pages : undefined;
      const http2 = this.#grpc ?? (pages && this.#pagesOnly);
      if (protocol === "http2" && http2 !== undefined) {
        http2.handle(socket, head, pages);
      } else if (protocol === "http1" && this.#http !== undefined) {
        if (head.length > 0) socket.unshift(head);
        this.#http.emit("connection", socket);
        socket.resume();
      } else if (protocol === "tls" && this.#handshakes !== undefined) {
        socket.unshift(head);
        this.#handshakes.emit("connection", socket);
      } else {
        socket.destroy();
      }
    });
  }
}

function createPagesServer(clock: Clock): GrpcServer {
  return new GrpcServer({ methods: new Map(), clock, maxReceiveMessageBytes: 0 });
}
