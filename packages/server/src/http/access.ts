import { TLSSocket } from "node:tls";
import type { Logger } from "../observe/logger.js";
import type { PageRequest, PageResponse } from "./page.js";
import { respondError } from "./respond.js";

export interface AccessOptions {
  /** Origins that browsers may call from; empty or with "*": all. */
  readonly corsOrigins: readonly string[];
  /** Host names accepted without TLS; empty or with "*": all. */
  readonly hostWhitelist: readonly string[];
  /**
   * Whether the common name of a client's certificate would be taken for its identity over gRPC:
   * client certificates are demanded, the gateway serves, and auth is on. The gateway can't carry
   * that identity on, so it refuses such clients.
   */
  readonly refusesCommonNames: () => boolean;
  readonly logger: Logger;
}

const COMMON_NAME =
  "CommonName of client sending a request against gateway will be ignored and not used as expected";

/**
 * The checks before any page of the client port, in etcd's order: host name, common name, then the
 * CORS headers and the answer to a browser's OPTIONS question.
 */
export class AccessControl {
  readonly #options: AccessOptions;
  readonly #allowsAllOrigins: boolean;
  readonly #allowsAllHosts: boolean;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#allowsAllOrigins = allowsAll(options.corsOrigins);
    this.#allowsAllHosts = allowsAll(options.hostWhitelist);
  }

  /** True when the request may go on; otherwise it was answered. @param path without the query */
  admits(request: PageRequest, response: PageResponse, path: string): boolean {
    if (!(request.socket instanceof TLSSocket)) {
      if (!this.#admitsHost(request, response)) return false;
    } else if (path.startsWith("/v3/") && this.#hasCommonName(request.socket)) {
      respondError(response, 400, COMMON_NAME);
      return false;
    }
    this.#addCorsHeaders(request, response);
    if (request.method !== "OPTIONS") return true;
    response.writeHead(200, { "Content-Length": 0 });
    response.end();
    return false;
  }

  #admitsHost(request: PageRequest, response: PageResponse): boolean {
    if (this.#allowsAllHosts) return true;
    const host = hostName(request.headers.host ?? "");
    if (this.#options.hostWhitelist.includes(host)) return true;
    const message = "rejecting HTTP request to prevent DNS rebinding attacks";
    this.#options.logger.warn(message, { host });
    respondError(response, 421, rebindingText(host));
    return false;
  }

  #hasCommonName(socket: TLSSocket): boolean {
    if (!this.#options.refusesCommonNames() || !socket.authorized) return false;
    return Boolean(socket.getPeerCertificate()?.subject?.CN);
  }

  #addCorsHeaders(request: PageRequest, response: PageResponse): void {
    const { origin } = request.headers;
    const listed = origin !== undefined && this.#options.corsOrigins.includes(origin);
    const allowed = this.#allowsAllOrigins ? "*" : listed ? origin : undefined;
    if (allowed === undefined) return;
    response.setHeader("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE");
    response.setHeader("Access-Control-Allow-Origin", allowed);
    response.setHeader("Access-Control-Allow-Headers", "accept, content-type, authorization");
  }
}

function allowsAll(list: readonly string[]): boolean {
  return list.length === 0 || list.includes("*");
}

/** Without the port; IPv6 addresses lose their brackets, as Go's SplitHostPort does it. */
function hostName(hostHeader: string): string {
  const bracketed = /^\[([^\]]*)\]:\d*$/.exec(hostHeader);
  if (bracketed) return bracketed[1]!;
  return /^[^:]*:\d*$/.test(hostHeader) ? hostHeader.slice(0, hostHeader.indexOf(":")) : hostHeader;
}

// The wording is etcd's as far as tools look for it; it names the attack that the check prevents.
function rebindingText(host: string): string {
  return `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${JSON.stringify(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`;
}
