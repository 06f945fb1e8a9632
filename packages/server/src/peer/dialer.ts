import {
  type ClientRequest,
  Agent as HttpAgent,
  type RequestOptions,
  request as requestHttp,
} from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
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
  /** Takes the connection from here and gives it back; undefined: one of its own. */
  readonly kept?: KeptConnections | undefined;
}

/**
 * Connections that stay open between requests. A connection over TLS costs both sides many times
 * what a small request does. The far end closes what stays idle.
 */
export class KeptConnections {
  readonly #plain = new HttpAgent({ keepAlive: true });
  // A session that is taken up again is not verified again, so none is.
  readonly #secure = new HttpsAgent({ keepAlive: true, maxCachedSessions: 0 });

  /** For Node's `agent` option. */
  agentFor(isSecure: boolean): HttpAgent {
    return isSecure ? this.#secure : this.#plain;
  }

  /** Ends them, those in use too. */
  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

/**
 * Opens HTTP/1.1 requests to peers, each on a connection of its own unless it brings kept ones:
 * streams need one, and most other requests are too rare to gain from connections that the far end
 * may just be closing.
 */
export class Dialer {
  readonly #options: DialerOptions;

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** The caller listens for "response" and "error". @throws Error when certificates can't be read */
  open({ url, path, method, headers, signal, kept }: DialRequest): ClientRequest {
    const target = targetOf(url);
    const options: RequestOptions = {
      ...target.address,
      path,
      method,
      headers,
      agent: kept?.agentFor(target.isSecure) ?? false,
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
      if (request.reusedSocket) return timer.clear();
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
