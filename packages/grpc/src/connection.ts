import type { Socket } from "node:net";
import type { Timer } from "@kvorum/base";
import { ClosedStreams } from "./closed-streams.js";
import { FloodGuard } from "./defences.js";
import { ReceiveWindow } from "./flow-control.js";
import { Flag, INITIAL_WINDOW_BYTES, Setting, STREAM_ID_MAX } from "./frame.js";
import { FrameParser } from "./frame-parser.js";
import { FrameReceiver } from "./frame-receiver.js";
import {
  writeGoAway,
  writePing,
  writeResetStream,
  writeSettings,
  writeWindowUpdate,
} from "./frame-writer.js";
import { ErrorCode, Http2Error } from "./http2-error.js";
import type { Http2Handler } from "./http2-exchange.js";
import { Keepalive } from "./keepalive.js";
import { MessageReceiver } from "./message-receiver.js";
import { RequestReceiver } from "./request-receiver.js";
import { Sender } from "./sender.js";
import type { ServerContext } from "./server-context.js";
import type { Stream } from "./stream.js";
import { StreamTable } from "./stream-table.js";
import type { FrameSpace, MessagePart, Peer, SplicedMessage } from "./types.js";

const MAX_UINT32 = 0xffff_ffff;
/** Tells the acknowledgement of the drain's PING from that of a keepalive PING. */
const DRAIN_PING = Buffer.from("kv-drain", "latin1");
const KEEPALIVE_PING = Buffer.from("kv-alive", "latin1");

/**
 * One HTTP/2 connection: its socket, its streams and its end.
 *
 *     serving --drain()--> draining --PING acknowledged, streams done--> lingering --> closed
 *        |                                                                  ^
 *        +------------------ fail(error): GOAWAY, streams cancelled --------+
 *
 * Lingering: the last bytes are written and the client's are read and dropped, since a close with
 * bytes unread would make the kernel send RST and the client lose the GOAWAY.
 */
export class Connection {
  readonly context: ServerContext;
  readonly peer: Peer;
  readonly streams = new StreamTable<Stream>();
  readonly closedStreams = new ClosedStreams();
  readonly guard: FloodGuard;
  readonly sender: Sender;
  readonly keepalive: Keepalive;
  readonly #socket: Socket;
  readonly #parser: FrameParser;
  readonly #requests: RequestReceiver;
  readonly #messages: MessageReceiver;
  readonly #receiveWindow: ReceiveWindow;
  nowMs: number;
  lastAcceptedStreamId = STREAM_ID_MAX;
  #phase: "serving" | "draining" | "lingering" | "closed" = "serving";
  /** The drain's second GOAWAY is out; the connection ends with its last stream. */
  #refusesNew = false;
  #isScheduled = false;
  #isBlocked = false;
  /** At most one of: handshake, settings acknowledgement, drain's ping, linger. */
  #timer: Timer | undefined;

  constructor(socket: Socket, context: ServerContext, onHttp2Request: Http2Handler | undefined) {
    const { clock, limits } = context;
    this.#socket = socket;
    this.context = context;
    this.peer = { socket, address: formatAddress(socket), state: undefined };
    this.nowMs = clock.nowMs();
    this.guard = new FloodGuard(limits, this.nowMs);
    this.sender = new Sender(this, context.pool, limits);
    this.#messages = new MessageReceiver(context, this.sender, {
      wake: () => this.wake(),
      onHttp2Request,
    });
    this.#requests = new RequestReceiver(this, this.#messages);
    this.#receiveWindow = new ReceiveWindow(limits.connectionWindowBytes);
    this.#parser = new FrameParser(
      new FrameReceiver(this, this.#requests),
      limits.receiveFrameBytesMax,
    );
    this.keepalive = new Keepalive(context.keepalive, limits, clock, {
      sendPing: () => this.#ping(KEEPALIVE_PING),
      onSilence: () => this.destroy(),
    });
    this.#greet();
    this.#listen();
  }

  get streamWindowBytes(): number {
    return this.context.limits.streamWindowBytes;
  }

  get streamQueueBytesMax(): number {
    return this.context.streamQueueBytesMax;
  }

  get initialSendWindow(): number {
    return this.sender.initialWindow;
  }

  get isOverloaded(): boolean {
    return this.sender.queuedBytes > this.context.limits.queuedReplySoftBytesMax;
  }

  /** There is output: `flush` comes at the end of this turn. */
  wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.context.schedule(this);
  }

  /** Writes what the turn has produced, unless the socket is still busy with earlier output. */
  flush(mayPump: boolean): number {
    this.#isScheduled = false;
    if (this.#isBlocked || this.#phase === "lingering" || this.#phase === "closed") return 0;
    const { sender } = this;
    const bytes = mayPump ? sender.pump() : 0;
    const socket = this.#socket;
    sender.output.flushTo(socket);
    this.#isBlocked = socket.writableNeedDrain && socket.writableLength > 0;
    if (this.#isBlocked) return bytes;
    sender.resumeWaiting();
    if (sender.canProgress) this.wake();
    return bytes;
  }

  // What streams ask for.

  send(stream: Stream, message: Uint8Array): void {
    this.sender.send(stream, message);
  }

  sendParts(stream: Stream, parts: readonly MessagePart[]): void {
    this.sender.sendParts(stream, parts);
  }

  sendCopy(stream: Stream, scratch: Uint8Array, length: number): void {
    this.sender.sendCopy(stream, scratch, length);
  }

  sendFramed(stream: Stream, scratch: Uint8Array, length: number): void {
    this.sender.sendFramed(stream, scratch, length);
  }

  sendSpliced(stream: Stream, message: SplicedMessage): void {
    this.sender.sendSpliced(stream, message);
  }

  openFrame(stream: Stream, bytesMin: number): FrameSpace | undefined {
    return this.sender.openFrame(stream, bytesMin);
  }

  closeFrame(stream: Stream, length: number): void {
    this.sender.closeFrame(stream, length);
  }

  finish(stream: Stream): void {
    this.sender.finish(stream);
  }

  dropQueue(stream: Stream): void {
    this.sender.dropQueue(stream);
  }

  resumed(stream: Stream): void {
    this.#messages.onResumed(stream);
  }

  // What the sender reports.

  onMessageSent(bytes: number): void {
    this.context.counters.sentBytes += bytes;
  }

  onSent(stream: Stream): void {
    if (!stream.remoteDone) {
      // The answer is complete, so the rest of the request is not wanted (RFC 9113 8.1).
      writeResetStream(this.sender.output, stream.id, ErrorCode.NO_ERROR);
    }
    this.forget(stream, stream.remoteDone ? "client" : "server");
  }

  /** The client takes nothing in and asks for ever more. */
  onStuck(): void {
    this.fail(new Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "replies are not read"));
  }

  // What the frame receiver asks for.

  /** Ends a stream for what the client did. @throws Http2Error when that happens too often */
  resetStream(streamId: number, errorCode: ErrorCode): void {
    writeResetStream(this.sender.output, streamId, errorCode);
    this.wake();
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.closedStreams.add(streamId, "server");
    } else {
      stream.cancel();
      this.forget(stream, "server");
    }
    this.guard.onReset(this.nowMs);
  }

  /** Takes a stream out of every list. */
  forget(stream: Stream, by: "client" | "server"): void {
    if (stream.closed) return;
    stream.closed = true;
    this.streams.delete(stream.id);
    this.closedStreams.add(stream.id, by);
    this.sender.dropQueue(stream);
    this.#messages.onClosed(stream);
    this.context.wheel.remove(stream);
    if (this.#refusesNew && this.streams.size === 0) this.#linger();
  }

  /** Settles the connection's flow control for a DATA frame of `bytes`. */
  receiveData(bytes: number): void {
    if (!this.#receiveWindow.receive(bytes)) {
      throw new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "connection window exceeded");
    }
    const update = this.#receiveWindow.takeUpdate();
    if (update === 0) return;
    writeWindowUpdate(this.sender.output, 0, update);
    this.wake();
  }

  /** The client's first SETTINGS came; its acknowledgement of ours is due. */
  onHandshake(): void {
    if (this.#phase !== "serving") return;
    this.#setTimer(this.context.limits.settingsAckTimeoutMs, () =>
      this.fail(new Http2Error(ErrorCode.SETTINGS_TIMEOUT, "settings not acknowledged")),
    );
  }

  onSettingsAck(): void {
    if (this.#phase === "serving") this.#clearTimer();
  }

  onPingAck(data: Buffer): void {
    if (this.#phase === "draining" && data.equals(DRAIN_PING)) this.#refuseNew();
  }

  /** The client goes away: with its last stream the connection ends. */
  onGoAway(): void {
    this.#refusesNew = true;
    if (this.streams.size === 0) this.#linger();
  }

  // The end.

  /**
   * Lets open calls finish and takes no new ones: GOAWAY for "soon", a PING, and when that is
   * answered (so that nothing is on its way any more) GOAWAY with the last stream (RFC 9113 6.8).
   */
  drain(): void {
    if (this.#phase !== "serving") return;
    this.#phase = "draining";
    this.#goAway(STREAM_ID_MAX, ErrorCode.NO_ERROR, "graceful_stop");
    this.#ping(DRAIN_PING);
    this.#setTimer(this.context.limits.drainPingTimeoutMs, () => this.#refuseNew());
  }

  /** Ends the connection for `error`. */
  fail(error: Http2Error): void {
    if (this.#phase === "lingering" || this.#phase === "closed") return;
    this.context.onError?.(this.peer, error);
    this.#goAway(this.#requests.lastStreamId, error.errorCode, error.message);
    this.#cancelAll();
    this.#linger();
  }

  /** Ends the connection at once. */
  destroy(): void {
    this.#socket.destroy();
    this.#onClosed();
  }

  #greet(): void {
    const { limits, maxConcurrentStreams } = this.context;
    const settings: [number, number][] = [
      [Setting.INITIAL_WINDOW_SIZE, limits.streamWindowBytes],
      [Setting.MAX_FRAME_SIZE, limits.receiveFrameBytesMax],
      [Setting.HEADER_TABLE_SIZE, limits.headerTableBytes],
      [Setting.MAX_HEADER_LIST_SIZE, limits.headerListBytesMax],
    ];
    if (maxConcurrentStreams < MAX_UINT32) {
      settings.push([Setting.MAX_CONCURRENT_STREAMS, maxConcurrentStreams]);
    }
    writeSettings(this.sender.output, settings);
    const growBytes = limits.connectionWindowBytes - INITIAL_WINDOW_BYTES;
    if (growBytes > 0) writeWindowUpdate(this.sender.output, 0, growBytes);
    this.wake();
    this.#setTimer(limits.handshakeTimeoutMs, () => this.destroy());
  }

  #listen(): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onChunk(chunk));
    socket.on("drain", () => this.#onDrain());
    socket.on("error", () => this.destroy());
    socket.on("end", () => this.destroy());
    socket.on("close", () => this.#onClosed());
    socket.resume();
  }

  #onChunk(chunk: Buffer): void {
    if (this.#phase === "lingering" || this.#phase === "closed") return;
    this.nowMs = this.context.clock.nowMs();
    this.keepalive.lastReadMs = this.nowMs;
    try {
      this.#parser.push(chunk);
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      this.fail(error);
    }
    const { limits } = this.context;
    const outputMax = limits.outputHighBytes + limits.unreadReplyBytesMax;
    if (this.sender.output.pendingBytes > outputMax) this.onStuck();
  }

  #onDrain(): void {
    this.#isBlocked = false;
    this.wake();
  }

  #ping(data: Buffer): void {
    writePing(this.sender.output, data, Flag.NONE);
    this.wake();
  }

  #goAway(lastStreamId: number, errorCode: ErrorCode, reason: string): void {
    writeGoAway(this.sender.output, { lastStreamId, errorCode, reason });
    this.wake();
  }

  #refuseNew(): void {
    if (this.#phase !== "draining" || this.#refusesNew) return;
    this.#clearTimer();
    this.#refusesNew = true;
    this.lastAcceptedStreamId = this.#requests.lastStreamId;
    this.#goAway(this.lastAcceptedStreamId, ErrorCode.NO_ERROR, "");
    if (this.streams.size === 0) this.#linger();
  }

  #linger(): void {
    if (this.#phase === "lingering" || this.#phase === "closed") return;
    this.#phase = "lingering";
    this.#parser.stop();
    // What the socket holds back goes out before its end, or the linger time cuts it off.
    this.sender.output.flushTo(this.#socket);
    this.#socket.end();
    this.#setTimer(this.context.limits.lingerMs, () => this.destroy());
  }

  #cancelAll(): void {
    for (const stream of this.streams.values()) {
      stream.cancel();
      this.forget(stream, "server");
    }
  }

  #onClosed(): void {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#parser.stop();
    this.#clearTimer();
    this.keepalive.close();
    this.#cancelAll();
    this.sender.output.clear();
    this.context.onClosed(this);
  }

  #setTimer(delayMs: number, callback: () => void): void {
    this.#clearTimer();
    this.#timer = this.context.clock.after(delayMs, callback);
  }

  #clearTimer(): void {
    this.#timer?.clear();
    this.#timer = undefined;
  }
}

/** "host:port", an IPv6 host in brackets, as Go prints it. */
function formatAddress(socket: Socket): string {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress === undefined) return "@";
  return remoteAddress.includes(":")
    ? `[${remoteAddress}]:${remotePort}`
    : `${remoteAddress}:${remotePort}`;
}
