/**
 * One request to a server, of any kind. A connection calls back into it, so that the path of a
 * request makes no promise and no closure. A finished call may be started again.
 */
export interface Call {
  /** "/package.Service/Method". */
  readonly path: string;
  /** True for a stream that the client sends more on: the first message does not end it. */
  readonly keepsOpen: boolean;
  /** The most bytes that `write` writes. */
  readonly requestBytesMax: number;
  /** Set by the connection when the call starts. */
  streamId: number;
  /** Writes the (first) request message at `at`; returns the offset behind it. */
  write(into: Buffer, at: number): number;
  /** One whole message of the reply. The bytes are valid only during the call. */
  onMessage(bytes: Buffer, start: number, end: number, connection: CallConnection): void;
  /**
   * Instead of `onMessage` for each: the whole messages at the start of `bytes[start, end)`, back to
   * back behind their prefixes, at least one. Returns the offset behind the last whole one.
   */
  onMessages?(bytes: Buffer, start: number, end: number, connection: CallConnection): number;
  /** The end, exactly once. `status` is a gRPC code; 14 when the connection went away. */
  onEnd(status: number, message: string, connection: CallConnection): void;
}

/** The connection of a call, as far as the call may use it; `ClientConnection` is the only one. */
export interface CallConnection {
  /** When the bytes at hand arrived. */
  readonly arrivedMs: number;
  /** Why the connection is gone; undefined while it lives. */
  readonly closedBecause: string | undefined;
  start(call: Call): void;
  /** One more message of a call that `keepsOpen`. */
  send(call: Call, message: Buffer): void;
  /** Whether `call` is still the one on the stream that it had. */
  isOpen(call: Call, streamId: number): boolean;
}

/** The gRPC codes that the client itself gives, from google.golang.org/grpc/codes. */
export const GrpcStatus = { OK: 0, CANCELLED: 1, UNKNOWN: 2, INTERNAL: 13, UNAVAILABLE: 14 };
