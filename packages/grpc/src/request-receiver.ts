import type { ClosedStreams } from "./closed-streams.js";
import type { FloodGuard } from "./defences.js";
import { Flag } from "./frame.js";
import { HeaderAssembly } from "./header-assembly.js";
import { HeaderBlockCache } from "./header-block-cache.js";
import { type FieldList, HpackDecoder } from "./hpack/decoder.js";
import { ErrorCode, Http2Error, protocolError } from "./http2-error.js";
import type { MessageReceiver } from "./message-receiver.js";
import { buildRequestHead, checkTrailers, type RequestHead } from "./request-head.js";
import type { ServerContext } from "./server-context.js";
import { Stream, type StreamHost } from "./stream.js";
import type { StreamTable } from "./stream-table.js";

/** What the receiving side asks of its connection. */
export interface RequestHost extends StreamHost {
  readonly context: ServerContext;
  readonly streams: StreamTable<Stream>;
  readonly closedStreams: ClosedStreams;
  readonly guard: FloodGuard;
  /** The clock at the chunk being read. */
  readonly nowMs: number;
  /** The client's window for new streams. */
  readonly initialSendWindow: number;
  /** New streams above this id are ignored: the final GOAWAY named it. */
  readonly lastAcceptedStreamId: number;
  /** Too many reply bytes wait for this client to take on more. */
  readonly isOverloaded: boolean;
  /** Resets a stream for what the client did. @throws Http2Error when it does so too often */
  resetStream(streamId: number, errorCode: ErrorCode): void;
}

const PRIORITY_BYTES = 5;

/** Turns HEADERS, CONTINUATION and DATA frames into streams, and hands their bodies on. */
export class RequestReceiver {
  readonly #host: RequestHost;
  readonly #messages: MessageReceiver;
  readonly #decoder: HpackDecoder;
  readonly #cache: HeaderBlockCache;
  readonly #assembly: HeaderAssembly;
  readonly #streamsMax: number;
  /** The stream that was opened last. */
  #newest: Stream | undefined;
  /** The highest stream id that the client has opened. */
  lastStreamId = 0;

  constructor(host: RequestHost, messages: MessageReceiver) {
    this.#host = host;
    this.#messages = messages;
    const { limits, maxConcurrentStreams } = host.context;
    this.#decoder = new HpackDecoder({
      tableBytesMax: limits.headerTableBytes,
      listBytesMax: limits.headerListBytesMax,
    });
    this.#cache = new HeaderBlockCache(limits.headerCacheEntries, limits.headerCacheBlockBytesMax);
    this.#assembly = new HeaderAssembly(limits);
    this.#streamsMax = Math.min(maxConcurrentStreams, limits.openStreamsMax);
  }

  /** The stream whose header block is still open, or 0; only its CONTINUATION may come. */
  get openBlockStreamId(): number {
    return this.#assembly.streamId;
  }

  onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if ((streamId & 1) === 0) throw protocolError(`HEADERS on stream ${streamId}`);
    let from = start;
    let to = end;
    if (flags & Flag.PADDED) {
      to = paddedEnd(bytes, start, end);
      from++;
    }
    if (flags & Flag.PRIORITY) from += PRIORITY_BYTES;
    if (from > to) throw frameSizeError("HEADERS too short");
    const endsStream = (flags & Flag.END_STREAM) !== 0;
    if (flags & Flag.END_HEADERS) this.#onBlock(streamId, endsStream, bytes, from, to);
    else this.#assembly.begin(streamId, endsStream, bytes.subarray(from, to));
  }

  /** The caller has checked that a block of this stream is open. */
  onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const assembly = this.#assembly;
    if (start === end) this.#host.guard.onIdleFrame(this.#host.nowMs);
    assembly.append(bytes.subarray(start, end));
    if ((flags & Flag.END_HEADERS) === 0) return;
    const { streamId, endsStream } = assembly;
    const block = assembly.finish();
    this.#onBlock(streamId, endsStream, block, 0, block.length);
  }

  /** Flow control of the connection is settled by the caller. */
  onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const host = this.#host;
    let from = start;
    let to = end;
    if (flags & Flag.PADDED) {
      to = paddedEnd(bytes, start, end);
      from++;
    }
    const endsStream = (flags & Flag.END_STREAM) !== 0;
    if (from === to && !endsStream) host.guard.onIdleFrame(host.nowMs);
    const stream = this.#streamOf(streamId);
    if (stream === undefined) {
      this.#onDataOfNoStream(streamId);
      return;
    }
    if (stream.remoteDone) {
      host.resetStream(streamId, ErrorCode.STREAM_CLOSED);
      return;
    }
    // A body that came whole in one frame needs no window of its own.
    if ((!endsStream || stream.receiveWindow) && !stream.window().receive(end - start)) {
      host.resetStream(streamId, ErrorCode.FLOW_CONTROL_ERROR);
      return;
    }
    if (stream.bodyLeft >= 0) {
      stream.bodyLeft -= to - from;
      if (stream.bodyLeft < 0 || (endsStream && stream.bodyLeft > 0)) {
        host.resetStream(streamId, ErrorCode.PROTOCOL_ERROR);
        return;
      }
    }
    if (!stream.ended) this.#messages.onBody(stream, bytes, from, to);
    if (stream.closed) return;
    if (endsStream) this.#messages.onEnd(stream);
    else this.#messages.onMore(stream);
  }

  /** A request's DATA mostly follows its HEADERS at once: then no table is searched. */
  #streamOf(streamId: number): Stream | undefined {
    const newest = this.#newest;
    if (newest !== undefined && newest.id === streamId && !newest.closed) return newest;
    return this.#host.streams.get(streamId);
  }

  #onDataOfNoStream(streamId: number): void {
    const host = this.#host;
    if (streamId > this.lastStreamId || (streamId & 1) === 0) {
      throw protocolError(`DATA on idle stream ${streamId}`);
    }
    const by = host.closedStreams.closedBy(streamId);
    if (by === "client") {
      throw new Http2Error(ErrorCode.STREAM_CLOSED, `DATA on closed stream ${streamId}`);
    }
    // Of a stream reset here, DATA may still be on its way; it costs the connection's window only.
    if (by === "unknown") host.guard.onIdleFrame(host.nowMs);
  }

  #onBlock(streamId: number, endsStream: boolean, bytes: Buffer, start: number, end: number): void {
    const host = this.#host;
    const stream = streamId > this.lastStreamId ? undefined : host.streams.get(streamId);
    if (stream !== undefined) {
      this.#onTrailers(stream, endsStream, this.#decoder.decode(bytes, start, end));
      return;
    }
    if (streamId <= this.lastStreamId) {
      this.#onBlockOfNoStream(streamId, bytes, start, end);
      return;
    }
    this.lastStreamId = streamId;
    const head = this.#readHead(bytes, start, end);
    if (streamId > host.lastAcceptedStreamId) return;
    if (head === undefined) host.resetStream(streamId, ErrorCode.ENHANCE_YOUR_CALM);
    else if (host.streams.size >= this.#streamsMax || host.isOverloaded) {
      host.resetStream(streamId, ErrorCode.REFUSED_STREAM);
    } else if (head.malformed !== undefined || (endsStream && head.contentLength > 0)) {
      host.resetStream(streamId, ErrorCode.PROTOCOL_ERROR);
    } else this.#open(streamId, endsStream, head);
  }

  #onBlockOfNoStream(streamId: number, bytes: Buffer, start: number, end: number): void {
    const by = this.#host.closedStreams.closedBy(streamId);
    if (by === "client") {
      throw new Http2Error(ErrorCode.STREAM_CLOSED, `HEADERS on closed stream ${streamId}`);
    }
    if (by === "unknown") throw protocolError(`HEADERS on old stream ${streamId}`);
    // Trailers that crossed with a reset: only the compression state matters.
    this.#decoder.decode(bytes, start, end);
  }

  #onTrailers(stream: Stream, endsStream: boolean, fields: FieldList | undefined): void {
    if (stream.remoteDone) {
      this.#host.resetStream(stream.id, ErrorCode.STREAM_CLOSED);
    } else if (!endsStream || fields === undefined || checkTrailers(fields) !== undefined) {
      this.#host.resetStream(stream.id, ErrorCode.PROTOCOL_ERROR);
    } else if (stream.bodyLeft > 0) {
      this.#host.resetStream(stream.id, ErrorCode.PROTOCOL_ERROR);
    } else {
      this.#messages.onEnd(stream);
    }
  }

  /** Undefined when the list is above the limit. */
  #readHead(bytes: Buffer, start: number, end: number): RequestHead | undefined {
    const version = this.#decoder.tableVersion;
    const known = this.#cache.get(bytes, start, end, version);
    if (known !== undefined) return known;
    const fields = this.#decoder.decode(bytes, start, end);
    if (fields === undefined) return undefined;
    const { resolver } = this.#host.context;
    const { servesPlain } = this.#messages;
    const head = buildRequestHead(fields, { resolver, servesPlain });
    if (this.#decoder.tableVersion === version) {
      this.#cache.set(bytes, { start, end }, version, head);
    }
    return head;
  }

  #open(streamId: number, endsStream: boolean, head: RequestHead): void {
    const host = this.#host;
    const stream = new Stream(streamId, head, host, host.initialSendWindow);
    host.streams.add(stream);
    this.#newest = stream;
    if (head.refusal !== undefined) {
      stream.remoteDone = endsStream;
      stream.fail(head.refusal.code, head.refusal.message);
      return;
    }
    if (head.method === undefined) {
      stream.plainBody = [];
    } else {
      if (head.timeoutMs !== Number.POSITIVE_INFINITY) {
        stream.deadlineMs = host.nowMs + head.timeoutMs;
        host.context.wheel.add(stream);
      }
      if (head.method.kind === "stream") head.method.open(stream);
    }
    if (endsStream) this.#messages.onEnd(stream);
  }
}

/** Where the payload ends before its padding; `bytes[start]` is the padding's length. */
function paddedEnd(bytes: Buffer, start: number, end: number): number {
  if (start === end) throw frameSizeError("padded frame without a padding length");
  const padding = bytes[start]!;
  if (padding >= end - start) throw protocolError("padding longer than its frame");
  return end - padding;
}

function frameSizeError(reason: string): Http2Error {
  return new Http2Error(ErrorCode.FRAME_SIZE_ERROR, reason);
}
