import type { Socket } from "node:net";
import type { Clock, Timer } from "@kvorum/base";
import { CLIENT_PREFACE } from "./frame.js";

/**
 * "http2" also for what begins like it; the server itself checks the whole preface. "tls" is a
 * client that begins with a handshake.
 */
export type Protocol = "http1" | "http2" | "tls";

/** The part of the preface that no HTTP/1 request begins with: no method is called PRI. */
const TELLING = Buffer.from(CLIENT_PREFACE.slice(0, 14), "latin1");

/** The type of a TLS record that holds a handshake, RFC 8446 5.1: no letter, so no HTTP/1. */
const TLS_HANDSHAKE = 0x16;

export interface SniffOptions {
  readonly clock: Clock;
  /** A socket that says nothing telling for this long is destroyed. */
  readonly timeoutMs: number;
}

/**
 * Finds out by its first bytes whether a connection speaks HTTP/2 with prior knowledge (RFC 9113
 * 3.3), HTTP/1 or TLS, so that one port serves all of them. The socket is handed back paused; `head` is what
 * was read and must be given to the server in charge: `GrpcServer.handle(socket, head)`, or
 * `socket.unshift(head)` and `httpServer.emit("connection", socket)`.
 */
export function sniffProtocol(
  socket: Socket,
  options: SniffOptions,
  callback: (protocol: Protocol, head: Buffer) => void,
): void {
  let head: Buffer = Buffer.alloc(0);
  let timer: Timer | undefined;
  const stop = (): void => {
    timer?.clear();
    socket.off("data", onData);
    socket.off("error", onEnd);
    socket.off("end", onEnd);
    socket.off("close", onEnd);
  };
  const onEnd = (): void => {
    stop();
    socket.destroy();
  };
  const onData = (chunk: Buffer): void => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const protocol = judge(head);
    if (protocol === undefined) return;
    stop();
    socket.pause();
    callback(protocol, head);
  };
  timer = options.clock.after(options.timeoutMs, onEnd);
  socket.on("data", onData);
  socket.on("error", onEnd);
  socket.on("end", onEnd);
  socket.on("close", onEnd);
}

/** Undefined while the bytes fit both. */
function judge(head: Buffer): Protocol | undefined {
  if (head[0] === TLS_HANDSHAKE) return "tls";
  const count = Math.min(head.length, TELLING.length);
  if (head.compare(TELLING, 0, count, 0, count) !== 0) return "http1";
  return count === TELLING.length ? "http2" : undefined;
}
