import { Readable } from "node:stream";
import type { Clock } from "@kvorum/base";
import type { Http2Exchange, Http2Handler } from "@kvorum/grpc";
import type { PageResponse, Pages } from "./page.js";

/**
 * Serves the pages over HTTP/2, which curl, Prometheus and probes choose by ALPN wherever a port
 * speaks TLS. Pass the result to `GrpcServer.handle`.
 */
export function createHttp2Pages(pages: Pages, clock: Clock): Http2Handler {
  return (exchange) => {
    const { method, path, authority, headers, body, peer } = exchange;
    const fields = Object.fromEntries(headers.entries());
    const request = Object.assign(Readable.from(body.length === 0 ? [] : [body]), {
      method,
      url: path,
      headers: { ...fields, host: authority || headers.get("host") },
      socket: peer.socket,
    });
    pages(request, new Http2Response(exchange, clock));
  };
}

class Http2Response implements PageResponse {
  readonly #exchange: Http2Exchange;
  readonly #clock: Clock;
  readonly #fields: [name: string, value: string][] = [];
  headersSent = false;

  constructor(exchange: Http2Exchange, clock: Clock) {
    this.#exchange = exchange;
    this.#clock = clock;
  }

  get writableLength(): number {
    return this.#exchange.queuedBytes;
  }

  setHeader(name: string, value: string): void {
    this.#fields.push([name.toLowerCase(), value]);
  }

  writeHead(status: number, headers: Readonly<Record<string, string | number>>): void {
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, String(value));
    this.setHeader("date", new Date(this.#clock.wallMs()).toUTCString());
    this.headersSent = true;
    this.#exchange.begin(status, this.#fields);
  }

  write(part: string): boolean {
    return this.#exchange.method === "HEAD" || this.#exchange.write(Buffer.from(part));
  }

  end(body?: string): void {
    if (body !== undefined) this.write(body);
    this.#exchange.end();
  }

  /** One listener of each event. */
  on(event: "drain" | "close", listener: () => void): void {
    if (event === "drain") this.#exchange.onDrain = listener;
    else this.#exchange.onCancel = listener;
  }

  /** The client sees by the length in the head that the body is not whole. */
  destroy(): void {
    this.#exchange.end();
  }
}
