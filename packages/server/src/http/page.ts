import type { Socket } from "node:net";

/** What the pages read of a request, over HTTP/1.1 (Node's own object) and HTTP/2 alike. */
export interface PageRequest {
  readonly method?: string | undefined;
  /** Path and query. */
  url?: string | undefined;
  readonly headers: { readonly host?: string | undefined; readonly origin?: string | undefined };
  /** A TLSSocket when the client came over TLS. */
  readonly socket: Socket;
}

/** What the pages do with a response; Node's ServerResponse is one. */
export interface PageResponse {
  readonly headersSent: boolean;
  setHeader(name: string, value: string): unknown;
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): unknown;
  end(body?: string): unknown;
  /** Breaks off a response whose head has gone. */
  destroy(): unknown;
}

/** Answers requests for pages. */
export type Pages = (request: PageRequest, response: PageResponse) => void;
