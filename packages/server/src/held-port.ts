import { createServer, type Server, type Socket } from "node:net";
import { serverLimits } from "./limits.js";
import type { ServerTls } from "./tls/server-tls.js";

/** Where to listen: a host and port, or the path of a Unix socket. */
export type ListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

export interface HeldPortOptions {
  readonly address: ListenAddress;
  /** Undefined: plain text. */
  readonly tls: ServerTls | undefined;
}

/**
 * A port that is bound before the member starts, so that a port in use is found first. Connections
 * that come before `serve` wait for it; those beyond a bound are closed.
 */
export class HeldPort {
  readonly #address: ListenAddress;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #early = new Set<Socket>();
  #take: ((socket: Socket) => void) | undefined;
  #isClosed = false;

  constructor({ address, tls }: HeldPortOptions) {
    this.#address = address;
    const accept = (socket: Socket) => this.#accept(socket);
    this.#server =
      tls === undefined ? createServer({ noDelay: true }, accept) : tls.createServer(accept);
  }

  /** Resolves once the port is bound. @throws Node's error, for example EADDRINUSE */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      const backlog = serverLimits.connectionBacklogMax;
      this.#server.listen({ ...this.#address, backlog }, () => {
        this.#server.off("error", reject);
        // A connection that could not be accepted, for want of file descriptors say, is its client's
        // loss; without a listener the error would end the process.
        this.#server.on("error", () => {});
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

  /** Hands each connection to `take` from now on, those that wait first. */
  serve(take: (socket: Socket) => void): void {
    this.#take = take;
    for (const socket of this.#early) take(socket);
    this.#early.clear();
  }

  /** Connections that stand go on. */
  stopAccepting(): void {
    this.#server.close();
  }

  /** Accepts no more and ends every connection now, those in a handshake when that is done. */
  close(): void {
    this.#isClosed = true;
    this.stopAccepting();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(socket: Socket): void {
    const isFull = this.#take === undefined && this.#early.size >= serverLimits.earlyConnectionsMax;
    if (this.#isClosed || isFull) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      this.#sockets.delete(socket);
      this.#early.delete(socket);
    });
    if (this.#take === undefined) this.#early.add(socket);
    else this.#take(socket);
  }
}
