import type { Socket } from "node:net";

/**
 * What the pages read of a request, over HTTP/1.1 (Node's own object) and HTTP/2 alike. Its body
 * comes as of any readable stream; over HTTP/2 in one piece.
 */
export interface PageRequest {
  readonly method?: string | undefined;
  /** Path and query. */
  url?: string | undefined;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>> & {
    readonly host?: string | undefined;
    readonly origin?: string | undefined;
    readonly accept?: string | undefined;
  };
  /** A TLSSocket when the client came over TLS. */
  readonly socket: Socket;
  on(event: "data", listener: (chunk: Buffer) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** What the pages do with a response; Node's ServerResponse is one. */
export interface PageResponse {
  readonly headersSent: boolean;
  /** Bytes that were written and are not with the system yet. */
  readonly writableLength: number;
  setHeader(name: string, value: string): unknown;
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): unknown;
  /** A part of the body. False: wait for "drain". */
  write(part: string): boolean;
  end(body?: string): unknown;
  /** Breaks off a response whose head has gone. */
  destroy(): unknown;
  /** "close": the response is over, or its client went away. */
  on(event: "drain" | "close", listener: () => void): unknown;
}

/** Answers requests for pages. */
export type Pages = (request: PageRequest, response: PageResponse) => void;
