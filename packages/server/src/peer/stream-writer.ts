import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type Clock, hexId, type MemberId } from "@kvorum/base";
import type { Message } from "@kvorum/raft";
import type { Logger } from "../observe/logger.js";
import { createStreamEncoder } from "./create-stream-codec.js";
import type { EntriesEncoder } from "./entries-encoder.js";
import { peerLimits } from "./limits.js";
import type { PeerCells } from "./peer-metrics.js";
import type { PeerStatus } from "./peer-status.js";
import { STREAM_NAMES, type StreamEncoder, type StreamKind } from "./stream-codec.js";
import type { StreamTimeouts } from "./stream-timeouts.js";

export interface StreamWriterOptions {
  readonly kind: StreamKind;
  readonly localId: MemberId;
  readonly peerId: MemberId;
  readonly status: PeerStatus;
  readonly cells: PeerCells;
  readonly entries: EntriesEncoder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeouts: StreamTimeouts;
  /** Messages were lost with their connection. */
  readonly onLost: () => void;
}

/** An accepted stream. */
interface Connection {
  readonly socket: Socket;
  readonly encoder: StreamEncoder;
  /** Messages encoded and not yet written. */
  parts: Buffer[];
  messages: number;
  bytes: number;
  /** Written, and not yet taken by the socket. */
  messagesPending: number;
  bytesPending: number;
  /** When the socket last took something, or had nothing to take. */
  progressMs: number;
}

const CRLF = Buffer.from("\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/**
 * Sends on the stream that a peer has asked for; a newer one takes the place of an older one. All
 * messages of a turn leave in one HTTP chunk with one write. The chunks are framed here rather than
 * by node:http, which would make several writes of them.
 */
export class StreamWriter {
  readonly #options: StreamWriterOptions;
  #connection: Connection | undefined;
  #isStopped = false;

  constructor(options: StreamWriterOptions) {
    this.#options = options;
  }

  get isWorking(): boolean {
    return this.#connection !== undefined;
  }

  /** Bytes that the socket has not taken. */
  get bytesPending(): number {
    return this.#connection?.bytesPending ?? 0;
  }

  /** Takes over a response whose headers have been sent; its body is never ended by others. */
  attach(response: ServerResponse): void {
    const { kind, entries, status, clock, logger } = this.#options;
    const { socket } = response;
    if (socket === null || socket.destroyed) return;
    if (this.#isStopped) {
      socket.destroy();
      return;
    }
    const replaced = this.#connection;
    const connection: Connection = {
      socket,
      encoder: createStreamEncoder(kind, entries),
      parts: [],
      messages: 0,
      bytes: 0,
      messagesPending: 0,
      bytesPending: 0,
      progressMs: clock.nowMs(),
    };
    this.#connection = connection;
    socket.once("close", () => this.#lose(connection, "write", "connection closed"));
    if (replaced !== undefined) {
      end(replaced, this.#options);
      if (replaced.messagesPending > 0) this.#options.onLost();
      logger.warn("closed TCP streaming connection with remote peer", this.#fields());
    }
    status.activate();
    logger.info("established TCP streaming connection with remote peer", this.#fields());
  }

  /** Takes a message for the next `flush`; false when there is no room or no connection. */
  add(message: Message): boolean {
    const connection = this.#connection;
    if (connection === undefined) return false;
    const { messages, messagesPending, bytes, bytesPending } = connection;
    if (messages + messagesPending >= peerLimits.streamQueueMessagesMax) return false;
    if (bytes + bytesPending >= peerLimits.streamQueueBytesMax) return false;
    const { parts } = connection;
    const first = parts.length;
    connection.encoder.encode(message, parts);
    for (let i = first; i < parts.length; i++) connection.bytes += parts[i]!.length;
    connection.messages++;
    return true;
  }

  /** Writes what was added, in one piece. */
  flush(): void {
    const connection = this.#connection;
    if (connection !== undefined && connection.messages > 0) this.#write(connection);
  }

  /** Sends the sign of life, behind what was added. */
  beat(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const { linkHeartbeat } = connection.encoder;
    connection.parts.push(linkHeartbeat);
    connection.bytes += linkHeartbeat.length;
    connection.messages++;
    this.#write(connection);
  }

  /** Ends a connection whose far end takes nothing. */
  checkProgress(nowMs: number): void {
    const connection = this.#connection;
    if (connection === undefined || connection.messagesPending === 0) return;
    if (nowMs - connection.progressMs < this.#options.timeouts.writeMs) return;
    this.#lose(connection, "write", "i/o timeout");
    connection.socket.destroy();
  }

  stop(): void {
    this.#isStopped = true;
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection === undefined) return;
    const { logger } = this.#options;
    end(connection, this.#options);
    logger.info("stopped TCP streaming connection with remote peer", this.#fields());
  }

  #write(connection: Connection): void {
    const { socket, parts, messages, bytes } = connection;
    const { clock, cells } = this.#options;
    if (connection.messagesPending === 0) connection.progressMs = clock.nowMs();
    connection.parts = [];
    connection.messages = 0;
    connection.bytes = 0;
    connection.messagesPending += messages;
    connection.bytesPending += bytes;
    cells.sentBytes.value += bytes;
    socket.cork();
    socket.write(`${bytes.toString(16)}\r\n`, "latin1");
    for (let i = 0; i < parts.length; i++) socket.write(parts[i]!);
    socket.write(CRLF, () => {
      connection.messagesPending -= messages;
      connection.bytesPending -= bytes;
      connection.progressMs = clock.nowMs();
    });
    socket.uncork();
  }

  #lose(connection: Connection, action: "write" | "heartbeat", reason: string): void {
    if (this.#connection !== connection) return;
    const { kind, status, cells, logger, onLost } = this.#options;
    this.#connection = undefined;
    status.deactivate({ source: STREAM_NAMES[kind], action, reason });
    logger.warn("lost TCP streaming connection with remote peer", this.#fields());
    if (connection.messagesPending + connection.messages === 0) return;
    cells.sendFailures.value++;
    onLost();
  }

  #fields() {
    const { kind, localId, peerId } = this.#options;
    return {
      "stream-writer-type": STREAM_NAMES[kind],
      "local-member-id": hexId(localId),
      "remote-peer-id": hexId(peerId),
    };
  }
}

/** Ends the body in order: what was written still goes out, if the far end takes it in time. */
function end({ socket }: Connection, { clock, timeouts }: StreamWriterOptions): void {
  if (socket.destroyed) return;
  socket.write(LAST_CHUNK);
  socket.destroySoon();
  const timer = clock.after(timeouts.writeMs, () => socket.destroy());
  socket.once("close", () => timer.clear());
}
