import type { Field } from "./hpack/encoder.js";
import type { Stream } from "./stream.js";
import type { Metadata, Peer } from "./types.js";

/**
 * A plain HTTP/2 request, whole, and the way to answer it. For the pages of a port that serves gRPC
 * as well; bodies are bounded by `limits.requestBodyBytesMax`.
 */
export interface Http2Exchange {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: Metadata & {
    entries(): IterableIterator<readonly [name: string, value: string]>;
  };
  readonly body: Buffer;
  readonly peer: Peer;
  readonly cancelled: boolean;
  onCancel: (() => void) | undefined;
  /** Sends the head; names in lower case. Call once, first. */
  begin(status: number, fields: readonly Field[]): void;
  /** Sends a part of the body, owned by the transport from now on. False: wait for `onDrain`. */
  write(bytes: Uint8Array): boolean;
  onDrain: (() => void) | undefined;
  /** Bytes written and not yet handed to the socket. */
  readonly queuedBytes: number;
  end(): void;
}

export type Http2Handler = (exchange: Http2Exchange) => void;

/** The exchange on `stream`, whose request has come in whole. */
export function createExchange(
  stream: Stream,
  body: Buffer,
  begin: (stream: Stream, status: number, fields: readonly Field[]) => void,
): Http2Exchange {
  return {
    method: stream.head.httpMethod,
    path: stream.head.path,
    authority: stream.head.authority,
    headers: stream.head.metadata,
    body,
    peer: stream.peer,
    get cancelled() {
      return stream.cancelled;
    },
    get onCancel() {
      return stream.onCancel;
    },
    set onCancel(callback) {
      stream.onCancel = callback;
    },
    get onDrain() {
      return stream.onDrain;
    },
    set onDrain(callback) {
      stream.onDrain = callback;
    },
    get queuedBytes() {
      return stream.queuedBytes;
    },
    begin: (status, fields) => begin(stream, status, fields),
    write: (bytes) => stream.write(bytes),
    end: () => stream.end(),
  };
}
