import type { Socket } from "node:net";
import { BenchError } from "../bench-error.js";
import { type Call, GrpcStatus } from "./call.js";
import { DataReceiver } from "./data-receiver.js";
import {
  Flag,
  FRAME_HEADER_BYTES,
  FrameType,
  frame,
  INITIAL_WINDOW_BYTES,
  PREFACE,
  putFrameHeader,
  Setting,
  settingsPayload,
  uint32,
} from "./frame.js";
import { FrameSplitter } from "./frame-splitter.js";
import { HpackDecoder } from "./hpack-decoder.js";
import { MESSAGE_PREFIX_BYTES } from "./message-assembler.js";
import { OutputBuffer } from "./output-buffer.js";
import { RequestHeads } from "./request-heads.js";
import { SendQueue } from "./send-queue.js";
import { StreamRing } from "./stream-ring.js";
import { openTransport, type TlsOptions } from "./transport.js";

export interface ConnectOptions {
  /** "host:port". */
  readonly endpoint: string;
  readonly tls?: TlsOptions | undefined;
  /** Milliseconds, never going back; stamps the arrival of bytes. */
  readonly nowMs: () => number;
  /** What the server may send ahead on one stream, and on all of them. */
  readonly windowBytes?: number;
}

/** So large that a window update is rare; a workload with slow readers takes its own. */
const WINDOW_BYTES = 2 ** 30;

const HEADERS_REQUEST = (FrameType.HEADERS << 8) | Flag.END_HEADERS;
const DATA_MORE = FrameType.DATA << 8;
const DATA_LAST = (FrameType.DATA << 8) | Flag.END_STREAM;

/**
 * A gRPC client over one HTTP/2 connection, made to cost a small part of what a server costs: one
 * read serves many replies, which start their next requests, which leave in one write. It is strict
 * where a measurement depends on it (statuses, message lengths, flow control) and knows no more of
 * HTTP/2 than gRPC servers use.
 */
export class ClientConnection {
  /** When the bytes at hand arrived. */
  arrivedMs: number;
  readonly #nowMs: () => number;
  readonly #windowBytes: number;
  readonly #streams = new StreamRing();
  readonly #data = new DataReceiver(this);
  readonly #output = new OutputBuffer();
  readonly #queue = new SendQueue();
  readonly #headers = new HpackDecoder();
  readonly #splitter: FrameSplitter;
  #heads: RequestHeads | undefined;
  #socket: Socket | undefined;
  #nextStreamId = 1;
  #receivedBytes = 0;
  #isInTurn = false;
  #closedBecause: string | undefined;
  #onSettings: (() => void) | undefined;
  #headersStreamId = 0;
  #headersFlags = 0;
  #headerParts: Buffer[] = [];
  readonly #isSecure: boolean;
  readonly #authority: string;

  private constructor(options: ConnectOptions) {
    this.#nowMs = options.nowMs;
    this.#windowBytes = options.windowBytes ?? WINDOW_BYTES;
    this.#isSecure = options.tls !== undefined;
    this.#authority = options.endpoint;
    this.arrivedMs = options.nowMs();
    this.#splitter = new FrameSplitter((bytes, at, length) => this.#onFrame(bytes, at, length));
  }

  /** Resolves once the server's SETTINGS are known. @throws BenchError "CONNECTION" | "PROTOCOL" */
  static async connect(options: ConnectOptions): Promise<ClientConnection> {
    const connection = new ClientConnection(options);
    const split = options.endpoint.lastIndexOf(":");
    const settings = new Promise<void>((resolve) => {
      connection.#onSettings = resolve;
    });
    connection.#socket = await openTransport({
      host: options.endpoint.slice(0, split).replace(/^\[(.*)\]$/, "$1"),
      port: Number(options.endpoint.slice(split + 1)),
      tls: options.tls,
      onBytes: (bytes, length) => connection.#onBytes(bytes, length),
      onClosed: (reason) => connection.#onClosed(reason),
    });
    connection.#greet();
    await settings;
    if (connection.#closedBecause !== undefined) {
      throw new BenchError("CONNECTION", connection.#closedBecause);
    }
    return connection;
  }

  get openStreams(): number {
    return this.#streams.open;
  }

  /** Whether `call` is still the one on the stream that it had. */
  isOpen(call: Call, streamId: number): boolean {
    return this.#streams.get(streamId) === call;
  }

  /** Why the connection is gone; undefined while it lives. */
  get closedBecause(): string | undefined {
    return this.#closedBecause;
  }

  /** Starts a call; its bytes leave at the end of the turn, or with `flush`. */
  start(call: Call): void {
    if (this.#closedBecause !== undefined) {
      call.onEnd(GrpcStatus.UNAVAILABLE, this.#closedBecause, this);
      return;
    }
    call.streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    this.#streams.add(call);
    this.#writeHead(call.streamId, call.path);
    if (this.#queue.fitsAtOnce(call.requestBytesMax + MESSAGE_PREFIX_BYTES)) this.#writeNow(call);
    else this.#writeLater(call);
  }

  /** Sends a further message on a call that keeps open. */
  send(call: Call, message: Buffer): void {
    this.#queue.push(call.streamId, withPrefix(message), false);
    this.#drain();
    if (!this.#isInTurn) this.flush();
  }

  /** Ends a call from this side; `onEnd` is not called. */
  cancel(call: Call): void {
    if (this.#streams.get(call.streamId) !== call) return;
    this.#forget(call.streamId);
    const code = uint32(8); // CANCEL
    this.#output.append(frame(FrameType.RST_STREAM, 0, call.streamId, code));
    if (!this.#isInTurn) this.flush();
  }

  /** Sends what has been written since the last time. Replies that start calls need not flush. */
  flush(): void {
    if (this.#socket !== undefined) this.#output.flush(this.#socket);
  }

  /** Stops reading, so that the server meets a client that stands still; or goes on. */
  setReading(isReading: boolean): void {
    if (isReading) this.#socket?.resume();
    else this.#socket?.pause();
  }

  /**
   * Ends the connection. Open calls are forgotten: whoever closes knows, so `onEnd` isn't called.
   */
  close(): void {
    this.#closedBecause ??= "closed by the client";
    this.#streams.takeAll();
    this.#socket?.destroy();
  }

  #greet(): void {
    const settings = settingsPayload([
      [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, this.#windowBytes],
    ]);
    const more = uint32(Math.max(1, this.#windowBytes - INITIAL_WINDOW_BYTES));
    this.#output.append(PREFACE);
    this.#output.append(frame(FrameType.SETTINGS, 0, 0, settings));
    if (this.#windowBytes > INITIAL_WINDOW_BYTES) {
      this.#output.append(frame(FrameType.WINDOW_UPDATE, 0, 0, more));
    }
    this.flush();
  }

  #writeHead(streamId: number, path: string): void {
    const block = this.#heads!.block(path);
    const output = this.#output;
    output.reserve(FRAME_HEADER_BYTES + block.length);
    putFrameHeader(output.bytes, output.length, block.length, HEADERS_REQUEST, streamId);
    let at = output.length + FRAME_HEADER_BYTES;
    for (let i = 0; i < block.length; i++) output.bytes[at++] = block[i]!;
    output.length = at;
  }

  #writeNow(call: Call): void {
    const output = this.#output;
    output.reserve(FRAME_HEADER_BYTES + MESSAGE_PREFIX_BYTES + call.requestBytesMax);
    const { bytes, length: head } = output;
    const prefix = head + FRAME_HEADER_BYTES;
    const start = prefix + MESSAGE_PREFIX_BYTES;
    const end = call.write(bytes, start);
    const kind = call.keepsOpen ? DATA_MORE : DATA_LAST;
    putFrameHeader(bytes, head, end - prefix, kind, call.streamId);
    putMessagePrefix(bytes, prefix, end - start);
    output.length = end;
    this.#queue.spend(end - prefix);
    if (call.keepsOpen) this.#queue.keepOpen(call.streamId, end - prefix);
  }

  #writeLater(call: Call): void {
    const bytes = Buffer.allocUnsafe(MESSAGE_PREFIX_BYTES + call.requestBytesMax);
    const end = call.write(bytes, MESSAGE_PREFIX_BYTES);
    putMessagePrefix(bytes, 0, end - MESSAGE_PREFIX_BYTES);
    this.#queue.push(call.streamId, bytes.subarray(0, end), !call.keepsOpen);
    this.#drain();
  }

  #drain(): void {
    this.#queue.drain((streamId, bytes, start, end, endsStream) => {
      const output = this.#output;
      output.reserve(FRAME_HEADER_BYTES + end - start);
      const kind = endsStream ? DATA_LAST : DATA_MORE;
      putFrameHeader(output.bytes, output.length, end - start, kind, streamId);
      bytes.copy(output.bytes, output.length + FRAME_HEADER_BYTES, start, end);
      output.length += FRAME_HEADER_BYTES + end - start;
    });
  }

  #onBytes(bytes: Buffer, length: number): void {
    this.arrivedMs = this.#nowMs();
    this.#isInTurn = true;
    try {
      this.#splitter.push(bytes, length);
    } catch (error) {
      if (!(error instanceof BenchError) || error.code !== "PROTOCOL") throw error;
      this.#socket?.destroy();
      this.#onClosed(error.message);
    }
    this.#isInTurn = false;
    this.flush();
  }

  #onFrame(bytes: Buffer, at: number, length: number): void {
    const type = bytes[at + 3]!;
    const flags = bytes[at + 4]!;
    const streamId = (bytes.readUInt32BE(at + 5) & 0x7fffffff) >>> 0;
    const start = at + FRAME_HEADER_BYTES;
    if (type === FrameType.DATA) this.#onData(bytes, start, start + length, flags, streamId);
    else if (type === FrameType.HEADERS) {
      this.#onHeaders(bytes, start, start + length, flags, streamId);
    } else if (type === FrameType.CONTINUATION) {
      this.#onContinuation(bytes, start, start + length, flags, streamId);
    } else this.#onRare(bytes.subarray(start, start + length), type, flags, streamId);
  }

  #onData(bytes: Buffer, from: number, to: number, flags: number, streamId: number): void {
    this.#account(to - from);
    const call = this.#streams.get(streamId);
    if (call === undefined) return;
    this.#accountStream(streamId, to - from);
    const start = flags & Flag.PADDED ? from + 1 : from;
    const end = flags & Flag.PADDED ? to - bytes[from]! : to;
    if (end > start) this.#data.push(call, bytes, start, end);
    if (flags & Flag.END_STREAM) this.#end(streamId, GrpcStatus.INTERNAL, "no trailers came");
  }

  /** Gives the server the connection's window back when half is used up. */
  #account(bytes: number): void {
    this.#receivedBytes += bytes;
    if (this.#receivedBytes <= this.#windowBytes / 2) return;
    this.#output.append(frame(FrameType.WINDOW_UPDATE, 0, 0, uint32(this.#receivedBytes)));
    this.#receivedBytes = 0;
  }

  /** The same for the window of an open stream. */
  #accountStream(streamId: number, bytes: number): void {
    const owed = this.#streams.receive(streamId, bytes);
    if (owed <= this.#windowBytes / 2) return;
    this.#output.append(frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(owed)));
    this.#streams.settle(streamId);
  }

  #onHeaders(bytes: Buffer, from: number, to: number, flags: number, streamId: number): void {
    let start = from;
    let end = to;
    if (flags & Flag.PADDED) end -= bytes[start++]!;
    if (flags & Flag.PRIORITY) start += 5;
    if (flags & Flag.END_HEADERS) {
      this.#onBlock(bytes, start, end, flags, streamId);
      return;
    }
    this.#headersStreamId = streamId;
    this.#headersFlags = flags;
    this.#headerParts = [Buffer.from(bytes.subarray(start, end))];
  }

  #onContinuation(bytes: Buffer, from: number, to: number, flags: number, streamId: number): void {
    if (streamId !== this.#headersStreamId) {
      throw new BenchError("PROTOCOL", "CONTINUATION without its HEADERS");
    }
    this.#headerParts.push(Buffer.from(bytes.subarray(from, to)));
    if ((flags & Flag.END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#headerParts);
    this.#headersStreamId = 0;
    this.#onBlock(block, 0, block.length, this.#headersFlags, streamId);
  }

  #onBlock(bytes: Buffer, start: number, end: number, flags: number, streamId: number): void {
    this.#headers.decode(bytes, start, end);
    if ((flags & Flag.END_STREAM) === 0) return;
    const { grpcStatus, grpcMessage, httpStatus } = this.#headers;
    if (grpcStatus >= 0) this.#end(streamId, grpcStatus, grpcMessage);
    else this.#end(streamId, GrpcStatus.UNKNOWN, `no grpc-status came (HTTP ${httpStatus})`);
  }

  #onRare(payload: Buffer, type: number, flags: number, streamId: number): void {
    if (type === FrameType.SETTINGS) {
      if ((flags & Flag.ACK) === 0) this.#onServerSettings(payload);
    } else if (type === FrameType.PING) {
      if ((flags & Flag.ACK) === 0) {
        this.#output.append(frame(FrameType.PING, Flag.ACK, 0, payload));
      }
    } else if (type === FrameType.WINDOW_UPDATE) {
      this.#queue.grow(streamId, payload.readUInt32BE(0) & 0x7fffffff);
      this.#drain();
    } else if (type === FrameType.RST_STREAM) {
      const code = payload.readUInt32BE(0);
      this.#end(streamId, GrpcStatus.INTERNAL, `the stream was reset (HTTP/2 error ${code})`);
    } else if (type === FrameType.GOAWAY) {
      const reason = payload.toString("utf8", 8);
      this.#onClosed(`the server said GOAWAY ${payload.readUInt32BE(4)} ${reason}`);
    }
  }

  #onServerSettings(payload: Buffer): void {
    let tableBytes = 4096;
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      const id = payload.readUInt16BE(at);
      const value = payload.readUInt32BE(at + 2);
      if (id === Setting.INITIAL_WINDOW_SIZE) this.#queue.setInitialWindow(value);
      else if (id === Setting.MAX_FRAME_SIZE) this.#queue.frameBytesMax = value;
      else if (id === Setting.HEADER_TABLE_SIZE) tableBytes = value;
    }
    const authority = this.#authority;
    this.#heads ??= new RequestHeads({ authority, isSecure: this.#isSecure, tableBytes });
    this.#output.append(frame(FrameType.SETTINGS, Flag.ACK, 0, Buffer.alloc(0)));
    this.#drain();
    this.#onSettings?.();
  }

  #end(streamId: number, status: number, message: string): void {
    const call = this.#streams.get(streamId);
    if (call === undefined) return;
    this.#forget(streamId);
    call.onEnd(status, message, this);
  }

  #forget(streamId: number): void {
    this.#streams.remove(streamId);
    this.#data.forget(streamId);
    this.#queue.forget(streamId);
  }

  #onClosed(reason: string): void {
    if (this.#closedBecause !== undefined) return;
    this.#closedBecause = reason;
    this.#onSettings?.();
    for (const call of this.#streams.takeAll()) {
      call.onEnd(GrpcStatus.UNAVAILABLE, reason, this);
    }
  }
}

function putMessagePrefix(bytes: Buffer, at: number, length: number): void {
  bytes[at] = 0;
  bytes[at + 1] = length >>> 24;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 8;
  bytes[at + 4] = length;
}

function withPrefix(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(MESSAGE_PREFIX_BYTES + message.length);
  putMessagePrefix(bytes, 0, message.length);
  message.copy(bytes, MESSAGE_PREFIX_BYTES);
  return bytes;
}
