import type { Socket } from "node:net";

/**
 * The gRPC server's surface. Hot path rules: no promise and no closure a request; a call is one
 * object whose callback properties the handler may set; a reply is bytes.
 */

/** gRPC status codes, https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const Status = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type StatusCode = (typeof Status)[keyof typeof Status];

/**
 * Request metadata, decoded once a header block and shared by calls with the same one. A value is
 * one character a byte: bytes above 0x7f are not decoded from UTF-8.
 */
export interface Metadata {
  /** The first value of `name` (lower case), or undefined. A "-bin" value is still base64. */
  get(name: string): string | undefined;
  /** Every value of `name` in order. */
  getAll(name: string): readonly string[];
}

/** The far end of a connection. One object a connection; `state` is the host's to use. */
export interface Peer {
  readonly socket: Socket;
  /** "address:port" for logs. */
  readonly address: string;
  state: unknown;
}

/** What unary and streaming calls share. */
interface Call {
  /** "/package.Service/Method" */
  readonly path: string;
  readonly metadata: Metadata;
  readonly peer: Peer;
  /** Milliseconds on the server clock's `nowMs` at which the client gives up, or Infinity. */
  readonly deadlineMs: number;
  /** The client reset the stream, the connection went away, or the deadline passed. */
  readonly cancelled: boolean;
  /** Called at most once, when `cancelled` becomes true before the call was ended. */
  onCancel: (() => void) | undefined;
  /** Free for interceptors and handlers, for example a start time. */
  startMs: number;
  state: unknown;
  /** Ends the call with a status other than OK. A no-op on an ended or cancelled call. */
  fail(code: StatusCode, message: string): void;
}

/**
 * A long part of a message that is made while it is sent: into the output's own memory, a few
 * kilobytes at a time. The whole is never in memory at once, and never encoded in one go.
 */
export interface MessageSource {
  /** Bytes of the whole part. */
  readonly length: number;
  /** Writes its next `count` bytes from `at` on; of all calls together `length` bytes. */
  copyNext(into: Uint8Array, at: number, count: number): void;
}

/** A part of a message, which must not change any more. */
export type MessagePart = Uint8Array | MessageSource;

/** A message in pieces: `head[0, headBytes)`, then `body[bodyStart, bodyEnd)`, then `tail`. */
export interface SplicedMessage {
  readonly head: Uint8Array;
  readonly headBytes: number;
  readonly body: Uint8Array;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly tail: Uint8Array;
}

export interface UnaryCall extends Call {
  /** Ends the call with OK and `message`; ownership of the bytes passes to the transport. */
  respond(message: Uint8Array): void;
  /** Same, for a message that stands in several pieces, in order; none may change afterwards. */
  respondParts(parts: readonly MessagePart[]): void;
  /** Same, for `scratch[0, length)`, which is copied before the call returns. The fast path. */
  respondCopy(scratch: Uint8Array, length: number): void;
  /** Same, for a message that stands in three pieces, which are copied before the call returns. */
  respondSpliced(message: SplicedMessage): void;
}

/** `bytes[start, end)`, to be written into; valid until `closeFrame`. */
export interface FrameSpace {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export interface StreamCall extends Call {
  /** Set by the handler at once: called for each request message, in order. */
  onMessage: ((message: Buffer) => void) | undefined;
  /** The client will send no more. */
  onHalfClose: (() => void) | undefined;
  /**
   * Sends one message. False asks the sender to wait for `onDrain`: the flow-control window or the
   * socket is full. The message is queued all the same; a sender that ignores this and goes on past
   * `streamQueueBytesMax` has its call failed with RESOURCE_EXHAUSTED. The bytes must not change
   * afterwards, but several calls may share them. After the call's end it sends nothing: false.
   */
  write(message: Uint8Array): boolean;
  /** Same, for a message that stands in several pieces, in order. */
  writeParts(parts: readonly MessagePart[]): boolean;
  /**
   * Many messages at once: `scratch[0, length)` holds them back to back, each behind gRPC's prefix (a
   * zero byte, then its length in four bytes, big-endian). Copied before the call returns.
   */
  writeFramed(scratch: Uint8Array, length: number, messages: number): boolean;
  /**
   * The way without a copy: room in the output's own memory for whole messages, each behind its
   * prefix, of `bytesMin` bytes at least. Fill it from its start and call `closeFrame` before anything
   * else of the transport. undefined: now is not the time, and `writeFramed` would queue.
   */
  openFrame(bytesMin: number): FrameSpace | undefined;
  /** Sends the first `length` bytes of what `openFrame` gave, which hold `messages`; as `write`. */
  closeFrame(length: number, messages: number): boolean;
  /** Bytes queued and not yet handed to the socket. */
  readonly queuedBytes: number;
  onDrain: (() => void) | undefined;
  /**
   * Stops and restarts the delivery of request messages (and, by flow control, the client).
   * `resume` delivers what came meanwhile before it returns.
   */
  pause(): void;
  resume(): void;
  /** Ends the call with OK after what is queued. */
  end(): void;
}

/**
 * One method. The request message is a view of the receive buffer: it stays valid as long as it is
 * referenced, but pins up to 64 KiB, so long-lived parts must be copied.
 */
export type Method =
  | {
      readonly kind: "unary";
      readonly handle: (call: UnaryCall, message: Buffer) => void;
      readonly observer?: CallObserver;
    }
  | {
      readonly kind: "stream";
      readonly open: (call: StreamCall) => void;
      readonly observer?: CallObserver;
    };

/** Told of what happens on a method's calls, for metrics and logs. One object a method, not a call. */
export interface CallObserver {
  /** The status of a call is decided; called once for each call whose handler was called. */
  ended(call: UnaryCall | StreamCall, code: StatusCode): void;
  /** A stream's handler is given a message of the client. */
  received(): void;
  /** A stream's handler sent this many messages. */
  sent(count: number): void;
}

/** Full method path -> method. A path that is absent answers UNIMPLEMENTED. */
export type MethodTable = ReadonlyMap<string, Method>;

/** Counters of the transport, read by the metrics page. Bytes are those of gRPC messages. */
export interface TransportStat {
  readonly connections: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}
