import { rethrowInvariant } from "@kvorum/base";
import { METRICS_CONTENT_TYPE } from "../observe/metrics.js";
import { AccessControl, type AccessOptions } from "./access.js";
import { formatDebugVars } from "./debug-vars.js";
import { type HealthOptions, serveHealth } from "./health.js";
import type { PageRequest, PageResponse, Pages } from "./page.js";
import { findProbe, serveProbe } from "./probes.js";
import { refuseUnlessGet, respond, respondError, respondNotFound } from "./respond.js";

export interface ClientHttpOptions extends HealthOptions, AccessOptions {
  /**
   * Serves what stands under /v3/ (the request's url is already the one under /v3/ where /v3beta/
   * was asked for). Undefined: 404.
   */
  readonly gateway?: Pages | undefined;
}

const OLD_GATEWAY = "/v3beta/";
const GATEWAY = "/v3/";

/**
 * The pages of the client port: use the result with node:http's createServer for HTTP/1.1, and
 * with `createHttp2Pages` for HTTP/2.
 */
export function createClientHttp(options: ClientHttpOptions): Pages {
  const access = new AccessControl(options);
  return (request, response) => {
    if (request.url?.startsWith(OLD_GATEWAY)) {
      request.url = GATEWAY + request.url.slice(OLD_GATEWAY.length);
    }
    const target = readTarget(request);
    if (!access.admits(request, response, target.path)) return;
    if (target.path.startsWith(GATEWAY) && options.gateway !== undefined) {
      options.gateway(request, response);
      return;
    }
    settle(options, response, servePage(options, { request, response, ...target }));
  };
}

/** The pages of --listen-metrics-urls: metrics and health alone, without CORS and host check. */
export function createMetricsHttp(options: HealthOptions): Pages {
  return (request, response) => {
    const exchange = { request, response, ...readTarget(request) };
    settle(options, response, serveObserved(options, exchange));
  };
}

interface Exchange {
  readonly request: PageRequest;
  readonly response: PageResponse;
  readonly path: string;
  readonly query: URLSearchParams;
}

async function servePage(options: HealthOptions, exchange: Exchange): Promise<void> {
  const { request, response, path } = exchange;
  if (path === "/version") {
    if (refuseUnlessGet(request, response)) return;
    const { server, cluster, storage } = options.node.versions();
    const body = {
      etcdserver: server,
      etcdcluster: cluster ?? "not_decided",
      storage: storage ?? "unknown",
    };
    respond(response, "application/json", JSON.stringify(body));
  } else if (path === "/debug/vars") {
    if (refuseUnlessGet(request, response)) return;
    const body = formatDebugVars(options.node.debugVars());
    respond(response, "application/json; charset=utf-8", body);
  } else {
    await serveObserved(options, exchange);
  }
}

async function serveObserved(options: HealthOptions, exchange: Exchange): Promise<void> {
  const { request, response, path, query } = exchange;
  if (path === "/metrics") {
    respond(response, METRICS_CONTENT_TYPE, await options.node.metricsText());
  } else if (path === "/health") {
    await serveHealth(options, request, { response, query });
  } else {
    const probe = findProbe(path);
    if (probe === undefined) respondNotFound(response);
    else await serveProbe(options, probe, exchange);
  }
}

/** Path without escapes, and query. */
function readTarget(request: PageRequest): Pick<Exchange, "path" | "query"> {
  const target = request.url ?? "/";
  const mark = target.indexOf("?");
  const raw = mark < 0 ? target : target.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1));
  try {
    return { path: decodeURIComponent(raw), query };
  } catch {
    return { path: raw, query };
  }
}

// The pages catch what they expect; anything else is a fault of this server, and is shown as one.
function settle(options: HealthOptions, response: PageResponse, page: Promise<void>): void {
  page.catch((error: unknown) => {
    rethrowInvariant(error);
    options.logger.error("failed to serve an HTTP request", { error });
    if (response.headersSent) response.destroy();
    else respondError(response, 500, "Internal Server Error");
  });
}
