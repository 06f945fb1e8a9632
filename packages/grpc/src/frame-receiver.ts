import { readSettings } from "./client-settings.js";
import { Flag, FrameType } from "./frame.js";
import type { FrameSink } from "./frame-parser.js";
import { writePing, writeSettingsAck } from "./frame-writer.js";
import { ErrorCode, Http2Error, protocolError } from "./http2-error.js";
import type { Keepalive } from "./keepalive.js";
import type { RequestHost, RequestReceiver } from "./request-receiver.js";
import type { Sender } from "./sender.js";
import type { Stream } from "./stream.js";

/** What the frames of a connection do beyond opening requests. */
export interface FrameHost extends RequestHost {
  readonly sender: Sender;
  readonly keepalive: Keepalive;
  wake(): void;
  forget(stream: Stream, by: "client" | "server"): void;
  receiveData(bytes: number): void;
  onHandshake(): void;
  onSettingsAck(): void;
  onPingAck(data: Buffer): void;
  onGoAway(): void;
}

/**
 * Checks every frame against RFC 9113 section 6 and carries it out. What breaks the connection is
 * thrown as Http2Error; what breaks one stream resets that stream.
 */
export class FrameReceiver implements FrameSink {
  readonly #host: FrameHost;
  readonly #requests: RequestReceiver;
  #hasSettings = false;

  constructor(host: FrameHost, requests: RequestReceiver) {
    this.#host = host;
    this.#requests = requests;
  }

  onFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const open = this.#requests.openBlockStreamId;
    if (open !== 0 && (type !== FrameType.CONTINUATION || streamId !== open)) {
      throw protocolError("a header block was interrupted");
    }
    if (!this.#hasSettings) this.#onFirst(type, flags);
    switch (type) {
      case FrameType.DATA:
        if (streamId === 0) throw protocolError("DATA on stream 0");
        this.#host.receiveData(end - start);
        this.#requests.onData(flags, streamId, bytes, start, end);
        return;
      case FrameType.HEADERS:
        this.#requests.onHeaders(flags, streamId, bytes, start, end);
        return;
      case FrameType.CONTINUATION:
        if (open === 0) throw protocolError("CONTINUATION without HEADERS");
        this.#requests.onContinuation(flags, bytes, start, end);
        return;
      case FrameType.WINDOW_UPDATE:
        requireLength(end - start, 4, "WINDOW_UPDATE");
        this.#onWindowUpdate(streamId, bytes.readUInt32BE(start) & 0x7fff_ffff);
        return;
      case FrameType.RST_STREAM:
        requireLength(end - start, 4, "RST_STREAM");
        this.#onReset(streamId);
        return;
      default:
        this.#onOther(type, flags, streamId, bytes.subarray(start, end));
    }
  }

  #onFirst(type: number, flags: number): void {
    if (type !== FrameType.SETTINGS || flags & Flag.ACK) {
      throw protocolError("the first frame is not SETTINGS");
    }
    this.#hasSettings = true;
    this.#host.onHandshake();
  }

  #onOther(type: number, flags: number, streamId: number, payload: Buffer): void {
    switch (type) {
      case FrameType.SETTINGS:
        if (streamId !== 0) throw protocolError("SETTINGS on a stream");
        this.#onSettings(flags, payload);
        return;
      case FrameType.PING:
        if (streamId !== 0) throw protocolError("PING on a stream");
        requireLength(payload.length, 8, "PING");
        this.#onPing(flags, payload);
        return;
      case FrameType.GOAWAY:
        if (streamId !== 0) throw protocolError("GOAWAY on a stream");
        if (payload.length < 8) requireLength(payload.length, 8, "GOAWAY");
        this.#host.onGoAway();
        return;
      case FrameType.PUSH_PROMISE:
        throw protocolError("PUSH_PROMISE from a client");
      case FrameType.PRIORITY:
        if (streamId === 0) throw protocolError("PRIORITY on stream 0");
        requireLength(payload.length, 5, "PRIORITY");
        this.#host.guard.onIdleFrame(this.#host.nowMs);
        return;
      default:
        // Unknown types are extensions and are ignored, RFC 9113 4.1.
        this.#host.guard.onIdleFrame(this.#host.nowMs);
    }
  }

  #onSettings(flags: number, payload: Buffer): void {
    const host = this.#host;
    if (flags & Flag.ACK) {
      requireLength(payload.length, 0, "SETTINGS acknowledgement");
      host.guard.onIdleFrame(host.nowMs);
      host.onSettingsAck();
      return;
    }
    host.guard.onSettings(host.nowMs);
    const settings = readSettings(payload);
    const { sender } = host;
    if (settings.frameBytesMax !== undefined) sender.frameBytesMax = settings.frameBytesMax;
    if (settings.headerTableBytesMin !== undefined) {
      sender.headers.limitTable(settings.headerTableBytesMin);
    }
    if (settings.initialWindow !== undefined) {
      sender.setInitialWindow(settings.initialWindow, host.streams.values());
    }
    writeSettingsAck(sender.output);
    host.wake();
  }

  #onPing(flags: number, data: Buffer): void {
    const host = this.#host;
    if (flags & Flag.ACK) {
      host.guard.onIdleFrame(host.nowMs);
      host.onPingAck(data);
      return;
    }
    const { sender } = host;
    const hasSent = sender.hasSentSincePing;
    sender.hasSentSincePing = false;
    writePing(sender.output, data, Flag.ACK);
    host.wake();
    host.keepalive.onPing(host.nowMs, { hasSent, hasStreams: host.streams.size > 0 });
  }

  #onWindowUpdate(streamId: number, increment: number): void {
    const host = this.#host;
    if (increment < host.context.limits.tinyWindowUpdateBytes) {
      host.guard.onIdleFrame(host.nowMs);
    }
    if (streamId === 0) {
      if (increment === 0) throw protocolError("WINDOW_UPDATE of 0");
      host.sender.growConnectionWindow(increment);
      return;
    }
    const stream = host.streams.get(streamId);
    if (stream === undefined) {
      this.#requireNotIdle(streamId, "WINDOW_UPDATE");
    } else if (increment === 0) {
      host.resetStream(streamId, ErrorCode.PROTOCOL_ERROR);
    } else if (!host.sender.growStreamWindow(stream, increment)) {
      host.resetStream(streamId, ErrorCode.FLOW_CONTROL_ERROR);
    }
  }

  #onReset(streamId: number): void {
    const host = this.#host;
    const stream = host.streams.get(streamId);
    if (stream === undefined) {
      this.#requireNotIdle(streamId, "RST_STREAM");
      host.guard.onIdleFrame(host.nowMs);
      return;
    }
    stream.cancel();
    host.forget(stream, "client");
    host.guard.onReset(host.nowMs);
  }

  #requireNotIdle(streamId: number, name: string): void {
    if (streamId === 0 || (streamId & 1) === 0 || streamId > this.#requests.lastStreamId) {
      throw protocolError(`${name} on idle stream ${streamId}`);
    }
  }
}

function requireLength(length: number, expected: number, name: string): void {
  if (length === expected) return;
  throw new Http2Error(ErrorCode.FRAME_SIZE_ERROR, `${name} of ${length} bytes`);
}
