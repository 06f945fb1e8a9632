import {
  Flag,
  FRAME_BYTES_MIN,
  FRAME_HEADER_BYTES,
  FrameType,
  INITIAL_WINDOW_BYTES,
  WINDOW_BYTES_MAX,
} from "./frame.js";
import { writeFrameHeader } from "./frame-writer.js";
import type { Field } from "./hpack/encoder.js";
import { ErrorCode, Http2Error } from "./http2-error.js";
import type { TransportLimits } from "./limits.js";
import { MESSAGE_PREFIX_BYTES } from "./message-reader.js";
import type { ChunkPool } from "./output.js";
import { Output } from "./output.js";
import { ResponseHeaders, statusFields } from "./response-headers.js";
import { SendQueue } from "./send-queue.js";
import type { Stream } from "./stream.js";
import { type FrameSpace, type MessagePart, type SplicedMessage, Status } from "./types.js";

/** A frame begins in a new chunk of memory when the present one has less room than this. */
const ROOM_BYTES_MIN = 4 * 1024;
const NO_BYTES: Uint8Array = Buffer.alloc(0);

/** What the sender tells its connection. */
export interface SenderHost {
  /** There is output; flush at the end of this turn. */
  wake(): void;
  /** END_STREAM has been written for `stream`. */
  onSent(stream: Stream): void;
  /** `bytes` of a gRPC message are on their way. */
  onMessageSent(bytes: number): void;
  /** More than `queuedReplyHardBytesMax` is queued: the connection must end. */
  onStuck(): void;
}

/**
 * The sending side of a connection. A reply that fits the windows is written straight into the
 * output; anything else waits in its stream's queue, and the streams with something to send and a
 * window to send it in take turns, one frame each, as far as the connection's window and the
 * output's bound go.
 */
export class Sender {
  readonly output: Output;
  readonly headers = new ResponseHeaders();
  readonly #host: SenderHost;
  readonly #limits: TransportLimits;
  #connectionWindow = INITIAL_WINDOW_BYTES;
  /** What the client grants a new stream: its SETTINGS_INITIAL_WINDOW_SIZE. */
  initialWindow = INITIAL_WINDOW_BYTES;
  /** The client's SETTINGS_MAX_FRAME_SIZE. */
  frameBytesMax = FRAME_BYTES_MIN;
  /** Bytes in the queues of all streams. */
  queuedBytes = 0;
  /** A HEADERS or DATA frame was written since the last ping; see `Keepalive`. */
  hasSentSincePing = false;
  #ring: Stream[] = [];
  /** What `openFrame` gives. */
  readonly #space = { bytes: NO_BYTES, start: 0, end: 0 };
  /** Streams that were told to wait for the output alone: they have nothing queued here. */
  #waiting: Stream[] = [];

  constructor(host: SenderHost, pool: ChunkPool, limits: TransportLimits) {
    this.#host = host;
    this.#limits = limits;
    this.output = new Output(pool);
  }

  /** Is there something that could be sent now? */
  get canProgress(): boolean {
    return this.#ring.length > 0 ? this.#connectionWindow > 0 : this.#waiting.length > 0;
  }

  /** Is there so much output that streams of many messages wait for their next turn? */
  get #isPortionFull(): boolean {
    return this.output.pendingBytes >= this.#limits.outputHighBytes >> 1;
  }

  sendCopy(stream: Stream, source: Uint8Array, length: number): void {
    if (stream.closed) return;
    if (stream.plainBody === undefined) this.#host.onMessageSent(length);
    if (this.#fitsNow(stream, length + MESSAGE_PREFIX_BYTES)) {
      this.#beginMessage(stream, length);
      this.output.appendCopy(source, 0, length);
    } else {
      this.#enqueue(stream, [Buffer.from(source.subarray(0, length))], length);
    }
  }

  sendSpliced(stream: Stream, message: SplicedMessage): void {
    if (stream.closed) return;
    const { head, headBytes, body, bodyStart, bodyEnd, tail } = message;
    const length = headBytes + bodyEnd - bodyStart + tail.length;
    if (!this.#fitsNow(stream, length + MESSAGE_PREFIX_BYTES)) {
      this.sendParts(stream, [
        Buffer.concat([head.subarray(0, headBytes), body.subarray(bodyStart, bodyEnd), tail]),
      ]);
      return;
    }
    if (stream.plainBody === undefined) this.#host.onMessageSent(length);
    this.#beginMessage(stream, length);
    const { output } = this;
    output.appendCopy(head, 0, headBytes);
    output.appendCopy(body, bodyStart, bodyEnd);
    output.appendCopy(tail, 0, tail.length);
  }

  send(stream: Stream, message: Uint8Array): void {
    if (message.length <= this.#limits.copyReplyBytesMax) {
      this.sendCopy(stream, message, message.length);
    } else {
      this.sendParts(stream, [message]);
    }
  }

  sendParts(stream: Stream, parts: readonly MessagePart[]): void {
    if (stream.closed) return;
    let length = 0;
    for (const part of parts) length += part.length;
    if (stream.plainBody === undefined) this.#host.onMessageSent(length);
    const isSmall = length <= this.#limits.copyReplyBytesMax;
    if (isSmall && this.#fitsNow(stream, length + MESSAGE_PREFIX_BYTES)) {
      this.#beginMessage(stream, length);
      for (const part of parts) this.output.appendPart(part);
    } else {
      this.#enqueue(stream, parts, length);
    }
  }

  /** Messages that stand back to back, each behind its prefix already, to be sent when they can. */
  sendFramed(stream: Stream, source: Uint8Array, length: number): void {
    if (stream.closed) return;
    this.#host.onMessageSent(length);
    this.#enqueueRaw(stream, [Buffer.from(source.subarray(0, length))]);
  }

  /**
   * Room for messages in the output itself, behind a frame header to come; undefined when they
   * could not go out at once.
   */
  openFrame(stream: Stream, bytesMin: number): FrameSpace | undefined {
    if (stream.closed || !this.#fitsNow(stream, bytesMin)) return undefined;
    this.#writeHead(stream);
    const { output } = this;
    const left = output.bytes.length - output.offset - FRAME_HEADER_BYTES;
    const isRoomy = left >= bytesMin && left >= ROOM_BYTES_MIN;
    const frameMax = Math.min(this.frameBytesMax, this.#connectionWindow, stream.sendWindow);
    const room = Math.min(frameMax, isRoomy ? left : Math.max(bytesMin, FRAME_BYTES_MIN));
    output.reserve(FRAME_HEADER_BYTES + room);
    this.#space.bytes = output.bytes;
    this.#space.start = output.offset + FRAME_HEADER_BYTES;
    this.#space.end = this.#space.start + room;
    return this.#space;
  }

  /**
   * Sends what was written into the room. With a share of the output filled the stream is told to
   * wait, before anything of it has to be queued: a turn stays short, so that calls get answered
   * between the portions, and its memory in the processor's cache.
   */
  closeFrame(stream: Stream, length: number): void {
    writeFrameHeader(this.output, length, FrameType.DATA, Flag.NONE, stream.id);
    this.output.offset += length;
    this.#host.onMessageSent(length);
    stream.sendWindow -= length;
    this.#connectionWindow -= length;
    if (this.#isPortionFull && !stream.wantsDrain) {
      stream.wantsDrain = true;
      this.#waiting.push(stream);
    }
    this.#host.wake();
  }

  /** The head of a plain HTTP/2 reply. */
  begin(stream: Stream, fields: readonly Field[]): void {
    if (stream.closed || stream.headSent) return;
    stream.headSent = true;
    this.headers.writeFields(this.output, stream.id, fields);
    this.#host.wake();
  }

  /** The status is decided; it follows what is queued. */
  finish(stream: Stream): void {
    if (stream.closed || stream.queuedBytes > 0) return;
    this.#writeEnd(stream);
  }

  dropQueue(stream: Stream): void {
    if (stream.queue === undefined) return;
    this.queuedBytes -= stream.queue.bytes;
    stream.queue.clear();
  }

  /**
   * Appends frames of the streams that can go on to the output, fairly, up to the bounds.
   * @returns bytes appended
   */
  pump(): number {
    const before = this.output.pendingBytes;
    let ring = this.#ring;
    while (ring.length > 0) {
      // One round: every stream in the ring sends a frame; those that can go on stay in it.
      this.#ring = [];
      for (let i = 0; i < ring.length; i++) {
        const isFull = this.output.pendingBytes >= this.#limits.outputHighBytes;
        if (isFull || this.#connectionWindow <= 0) {
          this.#ring = ring.slice(i).concat(this.#ring);
          return this.output.pendingBytes - before;
        }
        this.#pumpOne(ring[i]!);
      }
      ring = this.#ring;
    }
    return this.output.pendingBytes - before;
  }

  /** @throws Http2Error FLOW_CONTROL_ERROR when the window overflows */
  growConnectionWindow(bytes: number): void {
    if (this.#connectionWindow + bytes > WINDOW_BYTES_MAX) throw windowOverflow();
    this.#connectionWindow += bytes;
    if (this.#ring.length > 0) this.#host.wake();
  }

  /** @returns false when the stream's window overflows */
  growStreamWindow(stream: Stream, bytes: number): boolean {
    if (stream.sendWindow + bytes > WINDOW_BYTES_MAX) return false;
    stream.sendWindow += bytes;
    this.#joinRing(stream);
    return true;
  }

  /** Applies a new SETTINGS_INITIAL_WINDOW_SIZE; windows may become negative (RFC 9113 6.9.2). */
  setInitialWindow(bytes: number, streams: Iterable<Stream>): void {
    const change = bytes - this.initialWindow;
    this.initialWindow = bytes;
    for (const stream of streams) {
      if (!this.growStreamWindow(stream, change)) throw windowOverflow();
    }
  }

  /** May these many bytes of DATA go out at once, ahead of nobody? */
  #fitsNow(stream: Stream, bytes: number): boolean {
    return bytes <= this.frameBytesMax && this.#windowsHold(stream, bytes);
  }

  /** The same for DATA of several frames. */
  #windowsHold(stream: Stream, bytes: number): boolean {
    return (
      this.#ring.length === 0 &&
      bytes <= this.#connectionWindow &&
      bytes <= stream.sendWindow &&
      stream.queuedBytes === 0 &&
      this.output.pendingBytes < this.#limits.outputHighBytes
    );
  }

  /** Writes what stands before a message of `length` bytes; the caller appends it at once. */
  #beginMessage(stream: Stream, length: number): void {
    const { output } = this;
    const isPlain = stream.plainBody !== undefined;
    const bytes = isPlain ? length : length + MESSAGE_PREFIX_BYTES;
    this.#writeHead(stream);
    writeFrameHeader(output, bytes, FrameType.DATA, Flag.NONE, stream.id);
    if (!isPlain) writePrefix(output, length);
    stream.sendWindow -= bytes;
    this.#connectionWindow -= bytes;
    this.#host.wake();
  }

  #enqueue(stream: Stream, parts: readonly MessagePart[], length: number): void {
    if (stream.plainBody !== undefined) this.#enqueueRaw(stream, parts);
    else this.#enqueueRaw(stream, [prefixOf(length), ...parts]);
  }

  #enqueueRaw(stream: Stream, parts: readonly MessagePart[]): void {
    stream.queue ??= new SendQueue();
    const { queue } = stream;
    const before = queue.bytes;
    for (const part of parts) queue.push(part);
    this.queuedBytes += queue.bytes - before;
    if (queue.bytes > this.#limits.streamHighBytes) stream.wantsDrain = true;
    this.#joinRing(stream);
    if (this.queuedBytes > this.#limits.queuedReplyHardBytesMax) this.#host.onStuck();
  }

  #joinRing(stream: Stream): void {
    if (stream.inRing || stream.sendWindow <= 0 || stream.queuedBytes === 0) return;
    stream.inRing = true;
    this.#ring.push(stream);
    this.#host.wake();
  }

  #pumpOne(stream: Stream): void {
    stream.inRing = false;
    const { queue } = stream;
    if (stream.closed || queue === undefined || queue.bytes === 0) return;
    const count = Math.min(
      queue.bytes,
      stream.sendWindow,
      this.#connectionWindow,
      this.frameBytesMax,
    );
    if (count <= 0) return;
    this.#writeHead(stream);
    writeFrameHeader(this.output, count, FrameType.DATA, Flag.NONE, stream.id);
    queue.moveTo(this.output, count, this.#limits.copyReplyBytesMax);
    this.queuedBytes -= count;
    stream.sendWindow -= count;
    this.#connectionWindow -= count;
    if (queue.bytes === 0 && stream.ended) {
      this.#writeEnd(stream);
      return;
    }
    this.#joinRing(stream);
    this.#tellDrained(stream);
  }

  /** Lets streams that wait for the output go on, in turn, until it is full again. */
  resumeWaiting(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (let i = 0; i < waiting.length; i++) {
      if (this.#isPortionFull) {
        this.#waiting = waiting.slice(i).concat(this.#waiting);
        return;
      }
      this.#tellDrained(waiting[i]!);
    }
  }

  #tellDrained(stream: Stream): void {
    if (!stream.wantsDrain || stream.queuedBytes > this.#limits.streamHighBytes >> 1) return;
    stream.wantsDrain = false;
    if (!stream.ended && !stream.closed) stream.onDrain?.();
  }

  #writeHead(stream: Stream): void {
    this.hasSentSincePing = true;
    if (stream.headSent) return;
    stream.headSent = true;
    this.headers.writeHead(this.output, stream.id);
  }

  #writeEnd(stream: Stream): void {
    const { output, headers } = this;
    this.hasSentSincePing = true;
    if (stream.plainBody !== undefined) {
      if (stream.headSent) writeFrameHeader(output, 0, FrameType.DATA, Flag.END_STREAM, stream.id);
      else headers.writeTrailers(output, stream.id, [[":status", "500"]]);
    } else if (stream.headSent && stream.statusCode === Status.OK) {
      headers.writeTrailersOk(output, stream.id);
    } else {
      const refusal = stream.headSent ? undefined : stream.head.refusal;
      const fields = statusFields({
        code: stream.statusCode,
        message: stream.statusMessage,
        httpStatus: stream.headSent ? undefined : (refusal?.httpStatus ?? 200),
      });
      headers.writeTrailers(output, stream.id, fields.concat(refusal?.fields ?? []));
    }
    this.#host.wake();
    this.#host.onSent(stream);
  }
}

function writePrefix(output: Output, length: number): void {
  output.reserve(MESSAGE_PREFIX_BYTES);
  const { bytes, offset } = output;
  bytes[offset] = 0;
  bytes[offset + 1] = length >>> 24;
  bytes[offset + 2] = length >>> 16;
  bytes[offset + 3] = length >>> 8;
  bytes[offset + 4] = length;
  output.offset = offset + MESSAGE_PREFIX_BYTES;
}

function prefixOf(length: number): Buffer {
  const prefix = Buffer.allocUnsafe(MESSAGE_PREFIX_BYTES);
  prefix[0] = 0;
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

function windowOverflow(): Http2Error {
  return new Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "flow-control window overflow");
}
