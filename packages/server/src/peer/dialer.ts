import { type ClientRequest, type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Clock } from "@kvorum/base";
import type { DialTls } from "../tls/dial-tls.js";
import { PeerError } from "./peer-error.js";

export interface DialerOptions {
  /** For https URLs; undefined: the system's certificate authorities, no certificate of its own. */
  readonly tls: DialTls | undefined;
  readonly clock: Clock;
  /** Until the connection stands. */
  readonly dialTimeoutMs: number;
}

export interface DialRequest {
  /** "http://host:port", "https://…", "unix://path" or "unixs://path". */
  readonly url: string;
  /** Begins with "/". */
  readonly path: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens HTTP/1.1 requests to peers, each on a connection of its own: streams need one, and the other
 * requests are too rare to gain from connections that the far end may just be closing.
 */
export class Dialer {
  readonly #options: DialerOptions;

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** The caller listens for "response" and "error". @throws Error when certificates can't be read */
  open({ url, path, method, headers, signal }: DialRequest): ClientRequest {
    const target = targetOf(url);
    const options: RequestOptions = {
      ...target.address,
      path,
      method,
      headers,
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    };
    const request = target.isSecure
      ? requestHttps({ ...options, ...this.#options.tls?.options() })
      : requestHttp(options);
    this.#limitDial(request, url);
    return request;
  }

  #limitDial(request: ClientRequest, url: string): void {
    const timer = this.#options.clock.after(this.#options.dialTimeoutMs, () => {
      request.destroy(new PeerError("TIMED_OUT", `dial ${url}: i/o timeout`));
    });
    request.once("socket", (socket) => {
      socket.setNoDelay(true);
      socket.once("connect", () => timer.clear());
    });
    request.once("close", () => timer.clear());
  }
}

interface Target {
  readonly isSecure: boolean;
  readonly address: RequestOptions;
}

function targetOf(url: string): Target {
  const unix = /^(unixs?):\/\/(.+)$/.exec(url);
  if (unix) return { isSecure: unix[1] === "unixs", address: { socketPath: unix[2]! } };
  const { protocol, hostname, port } = new URL(url);
  const isSecure = protocol === "https:";
  // URL keeps an IPv6 address in brackets, which sockets don't know.
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return { isSecure, address: { host, port: port === "" ? (isSecure ? 443 : 80) : Number(port) } };
}
