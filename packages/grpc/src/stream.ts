import type { DeadlineEntry } from "./deadlines.js";
import { ReceiveWindow } from "./flow-control.js";
import type { MessageReader } from "./message-reader.js";
import type { RequestHead } from "./request-head.js";
import type { SendQueue } from "./send-queue.js";
import {
  type FrameSpace,
  type MessagePart,
  type Metadata,
  type Peer,
  type SplicedMessage,
  Status,
  type StatusCode,
  type StreamCall,
  type UnaryCall,
} from "./types.js";

/** What a stream asks of its connection. */
export interface StreamHost {
  readonly peer: Peer;
  readonly streamWindowBytes: number;
  readonly streamQueueBytesMax: number;
  /** Queues one message; a small one goes out with this turn's output. The bytes are taken over. */
  send(stream: Stream, message: Uint8Array): void;
  sendParts(stream: Stream, parts: readonly MessagePart[]): void;
  sendCopy(stream: Stream, scratch: Uint8Array, length: number): void;
  sendFramed(stream: Stream, scratch: Uint8Array, length: number): void;
  openFrame(stream: Stream, bytesMin: number): FrameSpace | undefined;
  closeFrame(stream: Stream, length: number): void;
  sendSpliced(stream: Stream, message: SplicedMessage): void;
  /** The status is decided: trailers follow what is queued. */
  finish(stream: Stream): void;
  /** Forgets what is queued. */
  dropQueue(stream: Stream): void;
  /** The handler wants messages again. */
  resumed(stream: Stream): void;
}

/**
 * One HTTP/2 stream, and the call on it as the handler sees it.
 *
 *              HEADERS                END_STREAM from the client
 *     (idle) ---------> open ------------------------------------> half-closed (remoteDone)
 *                        |                                              |
 *                        | status decided (ended), queue empty,         | the same
 *                        | trailers and RST_STREAM NO_ERROR             |
 *                        v                                              v
 *                     closed <------- RST_STREAM of either end ------ closed
 */
export class Stream implements UnaryCall, StreamCall, DeadlineEntry {
  readonly id: number;
  readonly head: RequestHead;
  readonly #host: StreamHost;

  // The handler's.
  startMs = 0;
  state: unknown = undefined;
  cancelled = false;
  onCancel: (() => void) | undefined = undefined;
  onMessage: ((message: Buffer) => void) | undefined = undefined;
  onHalfClose: (() => void) | undefined = undefined;
  onDrain: (() => void) | undefined = undefined;

  // The receiving side's.
  /** The client has sent END_STREAM. */
  remoteDone = false;
  /** ... and the handler of a stream knows. */
  halfCloseTold = false;
  /** How much of the declared body length is still to come; -1 without a declaration. */
  bodyLeft: number;
  receiveWindow: ReceiveWindow | undefined = undefined;
  /** A message of which only a part has come. */
  reader: MessageReader | undefined = undefined;
  /** The message of a unary call, until the client's END_STREAM. */
  request: Buffer | undefined = undefined;
  /** Messages that came while the handler had paused. */
  inbox: Buffer[] | undefined = undefined;
  paused = false;
  /** `inbox` is being worked off. */
  delivering = false;
  /** Bytes of `inbox`, `reader` and a waiting `request`, counted against the connection's bound. */
  heldBytes = 0;
  /** The request body when this is no gRPC call but plain HTTP/2. */
  plainBody: Buffer[] | undefined = undefined;

  // The sending side's.
  sendWindow: number;
  queue: SendQueue | undefined = undefined;
  /** Stands in the sender's ring of streams that can go on. */
  inRing = false;
  headSent = false;
  wantsDrain = false;
  /** The status is decided. */
  ended = false;
  /** Nothing more goes either way; the connection has forgotten the stream. */
  closed = false;
  statusCode: StatusCode = Status.OK;
  statusMessage = "";

  // The deadline wheel's.
  deadlineMs = Number.POSITIVE_INFINITY;
  wheelNext: DeadlineEntry | undefined = undefined;
  wheelPrevious: DeadlineEntry | undefined = undefined;
  wheelSlot = -1;

  constructor(id: number, head: RequestHead, host: StreamHost, sendWindow: number) {
    this.id = id;
    this.head = head;
    this.#host = host;
    this.bodyLeft = head.contentLength;
    this.sendWindow = sendWindow;
  }

  get path(): string {
    return this.head.path;
  }

  get metadata(): Metadata {
    return this.head.metadata;
  }

  get peer(): Peer {
    return this.#host.peer;
  }

  get queuedBytes(): number {
    return this.queue === undefined ? 0 : this.queue.bytes;
  }

  respond(message: Uint8Array): void {
    if (this.ended || this.cancelled) return;
    this.#host.send(this, message);
    this.#finish();
  }

  respondParts(parts: readonly MessagePart[]): void {
    if (this.ended || this.cancelled) return;
    this.#host.sendParts(this, parts);
    this.#finish();
  }

  respondCopy(scratch: Uint8Array, length: number): void {
    if (this.ended || this.cancelled) return;
    this.#host.sendCopy(this, scratch, length);
    this.#finish();
  }

  respondSpliced(message: SplicedMessage): void {
    if (this.ended || this.cancelled) return;
    this.#host.sendSpliced(this, message);
    this.#finish();
  }

  fail(code: StatusCode, message: string): void {
    if (this.ended || this.cancelled) return;
    this.statusCode = code;
    this.statusMessage = message;
    this.#finish();
  }

  write(message: Uint8Array): boolean {
    if (this.ended || this.cancelled) return false;
    const queuedBefore = this.queuedBytes;
    this.#host.send(this, message);
    this.head.method?.observer?.sent(1);
    return this.#mayGoOn(queuedBefore);
  }

  writeParts(parts: readonly MessagePart[]): boolean {
    if (this.ended || this.cancelled) return false;
    const queuedBefore = this.queuedBytes;
    this.#host.sendParts(this, parts);
    this.head.method?.observer?.sent(1);
    return this.#mayGoOn(queuedBefore);
  }

  writeFramed(scratch: Uint8Array, length: number, messages: number): boolean {
    if (this.ended || this.cancelled) return false;
    const queuedBefore = this.queuedBytes;
    this.#host.sendFramed(this, scratch, length);
    this.head.method?.observer?.sent(messages);
    return this.#mayGoOn(queuedBefore);
  }

  openFrame(bytesMin: number): FrameSpace | undefined {
    if (this.ended || this.cancelled) return undefined;
    return this.#host.openFrame(this, bytesMin);
  }

  closeFrame(length: number, messages: number): boolean {
    this.#host.closeFrame(this, length);
    this.head.method?.observer?.sent(messages);
    return !this.wantsDrain;
  }

  end(): void {
    if (this.ended || this.cancelled) return;
    this.#finish();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#host.resumed(this);
  }

  /** Takes back the flow-control window of the stream, made when the first DATA asks for it. */
  window(): ReceiveWindow {
    this.receiveWindow ??= new ReceiveWindow(this.#host.streamWindowBytes);
    return this.receiveWindow;
  }

  /** The deadline has passed: tells the handler, then the client. */
  expire(): void {
    if (this.closed || this.ended) return;
    this.cancel(Status.DEADLINE_EXCEEDED);
    this.#host.dropQueue(this);
    this.statusCode = Status.DEADLINE_EXCEEDED;
    this.statusMessage = "context deadline exceeded";
    this.ended = true;
    this.#host.finish(this);
  }

  /** Tells the handler, once, that nobody waits for its answer any more. */
  cancel(code: StatusCode = Status.CANCELLED): void {
    if (this.ended || this.cancelled) return;
    this.cancelled = true;
    const { onCancel } = this;
    this.onCancel = undefined;
    onCancel?.();
    this.head.method?.observer?.ended(this, code);
  }

  #finish(): void {
    this.ended = true;
    this.#host.finish(this);
    this.head.method?.observer?.ended(this, this.statusCode);
  }

  /** Applies the bound on one stream's queue after a write. */
  #mayGoOn(queuedBefore: number): boolean {
    const { streamQueueBytesMax } = this.#host;
    if (queuedBefore > 0 && this.queuedBytes > streamQueueBytesMax) {
      this.#host.dropQueue(this);
      this.fail(
        Status.RESOURCE_EXHAUSTED,
        `grpc: the client reads too slowly, more than ${streamQueueBytesMax} bytes are queued`,
      );
      return false;
    }
    return !this.wantsDrain;
  }
}
