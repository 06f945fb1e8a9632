import { writeWindowUpdate } from "./frame-writer.js";
import { inflateMessage } from "./gzip.js";
import { createExchange, type Http2Handler } from "./http2-exchange.js";
import { MESSAGE_PREFIX_BYTES, MessageReader, type MessageSink } from "./message-reader.js";
import type { Sender } from "./sender.js";
import type { ServerContext } from "./server-context.js";
import type { Stream } from "./stream.js";
import { Status } from "./types.js";

export interface MessageHost {
  /** There is output. */
  readonly wake: () => void;
  /** Answers the connection's requests that are not gRPC. */
  readonly onHttp2Request: Http2Handler | undefined;
}

/** Turns the bodies of one connection's requests into messages for their handlers. */
export class MessageReceiver implements MessageSink<Stream> {
  readonly #context: ServerContext;
  readonly #sender: Sender;
  readonly #wake: () => void;
  readonly #onHttp2Request: Http2Handler | undefined;
  /** Bytes of unfinished and undelivered messages on the connection. */
  #heldBytes = 0;

  constructor(context: ServerContext, sender: Sender, host: MessageHost) {
    this.#context = context;
    this.#sender = sender;
    this.#wake = host.wake;
    this.#onHttp2Request = host.onHttp2Request;
  }

  /** Somebody answers requests that are not gRPC. */
  get servesPlain(): boolean {
    return this.#onHttp2Request !== undefined;
  }

  /** The next bytes of the body: parts of messages, whole messages, or several. */
  onBody(stream: Stream, bytes: Buffer, start: number, end: number): void {
    if (stream.plainBody !== undefined) {
      this.#onPlainBody(stream, stream.plainBody, bytes.subarray(start, end));
      return;
    }
    let offset = start;
    while (offset < end) {
      if (stream.reader === undefined && end - offset >= MESSAGE_PREFIX_BYTES) {
        const flag = bytes[offset]!;
        const length = bytes.readUInt32BE(offset + 1);
        const bodyStart = offset + MESSAGE_PREFIX_BYTES;
        if (bodyStart + length <= end) {
          if (!this.onPrefix(stream, flag, length)) return;
          offset = bodyStart + length;
          if (!this.onMessage(stream, flag, bytes.subarray(bodyStart, offset))) return;
          continue;
        }
      }
      offset = this.#takePart(stream, bytes, offset, end);
      if (offset < 0) return;
    }
  }

  /** The body goes on: what waits for its end is held until then. */
  onMore(stream: Stream): void {
    const { request } = stream;
    if (request !== undefined && stream.heldBytes === 0) this.#hold(stream, request.length);
    if (!stream.paused && !stream.closed) this.giveBack(stream);
  }

  /** The client has sent its last byte. */
  onEnd(stream: Stream): void {
    stream.remoteDone = true;
    if (stream.ended) return;
    const { method } = stream.head;
    if (method === undefined) {
      this.#openExchange(stream);
    } else if (stream.reader !== undefined) {
      stream.fail(Status.INTERNAL, "unexpected EOF");
    } else if (method.kind === "unary") {
      const { request } = stream;
      if (request === undefined) stream.fail(Status.INTERNAL, NO_REQUEST_MESSAGE);
      else method.handle(stream, request);
    } else if (stream.inbox === undefined && !stream.paused) {
      tellHalfClose(stream);
    }
  }

  onPrefix(stream: Stream, flag: number, length: number): boolean {
    const { maxReceiveMessageBytes } = this.#context;
    if (flag > 1) {
      stream.fail(Status.INTERNAL, `grpc: received unexpected payload format ${flag}`);
    } else if (length > maxReceiveMessageBytes) {
      stream.fail(
        Status.RESOURCE_EXHAUSTED,
        `grpc: received message larger than max (${length} vs. ${maxReceiveMessageBytes})`,
      );
    } else if (flag === 1 && stream.head.encoding === "identity") {
      stream.fail(Status.INTERNAL, "grpc: compressed flag set with identity or empty encoding");
    } else if (stream.request !== undefined) {
      stream.fail(Status.INTERNAL, SECOND_REQUEST_MESSAGE);
    }
    return !stream.ended;
  }

  onMessage(stream: Stream, flag: number, received: Buffer): boolean {
    this.#context.counters.receivedBytes += received.length;
    const message = flag === 1 ? this.#inflate(stream, received) : received;
    if (message === undefined) return false;
    if (stream.head.method!.kind === "unary") {
      stream.request = message;
    } else if (stream.paused || stream.inbox !== undefined) {
      stream.inbox ??= [];
      stream.inbox.push(message);
      this.#hold(stream, message.length);
    } else {
      deliver(stream, message);
    }
    return !stream.ended;
  }

  /** Delivers what came during a pause, then opens the window again. */
  onResumed(stream: Stream): void {
    const { inbox } = stream;
    // A handler that pauses and resumes within `onMessage` is in the loop below already.
    if (stream.delivering) return;
    stream.delivering = true;
    for (let message = inbox?.shift(); message !== undefined; message = inbox?.shift()) {
      this.#hold(stream, -message.length);
      deliver(stream, message);
      if (stream.paused || stream.ended) break;
    }
    stream.delivering = false;
    if (stream.paused || stream.closed || stream.ended) return;
    stream.inbox = undefined;
    if (!stream.remoteDone) this.giveBack(stream);
    else tellHalfClose(stream);
  }

  /** Returns the stream's window to the client once half of it is used up. */
  giveBack(stream: Stream): void {
    const update = stream.receiveWindow === undefined ? 0 : stream.receiveWindow.takeUpdate();
    if (update === 0) return;
    writeWindowUpdate(this.#sender.output, stream.id, update);
    this.#wake();
  }

  /** The stream is closed: what it held is free. */
  onClosed(stream: Stream): void {
    this.#heldBytes -= stream.heldBytes;
    stream.heldBytes = 0;
    stream.reader = undefined;
    stream.inbox = undefined;
    stream.request = undefined;
  }

  #takePart(stream: Stream, bytes: Buffer, start: number, end: number): number {
    stream.reader ??= new MessageReader();
    const { reader } = stream;
    const before = reader.heldBytes;
    const offset = reader.take(bytes, start, end, this, stream);
    if (stream.closed) return -1;
    if (!this.#hold(stream, reader.heldBytes - before)) return -1;
    if (reader.isEmpty) stream.reader = undefined;
    return offset;
  }

  /** @returns false when that was too much and the call is over */
  #hold(stream: Stream, bytes: number): boolean {
    if (stream.closed) return false;
    stream.heldBytes += bytes;
    this.#heldBytes += bytes;
    if (bytes <= 0 || this.#heldBytes <= this.#context.limits.heldReceiveBytesMax) return true;
    stream.fail(Status.RESOURCE_EXHAUSTED, "grpc: too many unfinished messages on one connection");
    return false;
  }

  #inflate(stream: Stream, message: Buffer): Buffer | undefined {
    const bytesMax = this.#context.maxReceiveMessageBytes;
    const inflated = inflateMessage(message, bytesMax);
    if (inflated.kind === "ok") return inflated.message;
    if (inflated.kind === "too-large") {
      stream.fail(
        Status.RESOURCE_EXHAUSTED,
        `grpc: received message after decompression larger than max ${bytesMax}`,
      );
    } else {
      stream.fail(
        Status.INTERNAL,
        `grpc: failed to decompress the received message: ${inflated.reason}`,
      );
    }
    return undefined;
  }

  #onPlainBody(stream: Stream, body: Buffer[], piece: Buffer): void {
    if (piece.length === 0) return;
    body.push(piece);
    this.#hold(stream, piece.length);
    if (stream.ended || stream.heldBytes <= this.#context.limits.requestBodyBytesMax) return;
    this.#sender.begin(stream, [[":status", "413"]]);
    stream.end();
  }

  #openExchange(stream: Stream): void {
    const body = Buffer.concat(stream.plainBody!);
    const exchange = createExchange(stream, body, (target, status, fields) =>
      this.#sender.begin(target, [[":status", String(status)], ...fields]),
    );
    this.#onHttp2Request?.(exchange);
  }
}

function deliver(stream: Stream, message: Buffer): void {
  stream.head.method?.observer?.received();
  stream.onMessage?.(message);
}

function tellHalfClose(stream: Stream): void {
  if (stream.halfCloseTold) return;
  stream.halfCloseTold = true;
  stream.onHalfClose?.();
}

/** grpc-go's texts for a unary call without exactly one message. */
const NO_REQUEST_MESSAGE =
  "cardinality violation: received no request message from non-client-streaming RPC";
const SECOND_REQUEST_MESSAGE =
  "cardinality violation: received multiple request messages for non-client-streaming RPC";
