import { messageOf } from "@kvorum/base";
import { nodeClock } from "@kvorum/base/node";
import { ClientListener } from "./client-listener.js";
import type { Config, TlsConfig } from "./config/config.js";
import { hrefsOf, type ListenUrl } from "./config/listen-url.js";
import type { ListenAddress } from "./held-port.js";
import type { Logger } from "./observe/logger.js";
import { PeerListener } from "./peer/peer-listener.js";
import { StartError } from "./start-error.js";
import { usesClientTls, usesMetricsTls, usesPeerTls } from "./tls/listener-scheme.js";
import { createServerTls } from "./tls/server-tls.js";

/** What a client port answers. */
export type Serves = "grpc+http" | "grpc" | "http" | "metrics";

/** A bound port for clients, which nobody serves yet. */
export interface Listening {
  readonly listener: ClientListener;
  readonly serves: Serves;
  /** Over TLS, without it, or both on one port. */
  readonly security: readonly Security[];
}

type Security = "plain" | "tls";

/** Binds the ports for clients and for metrics. @throws StartError; nothing is bound then */
export async function bindClients(config: Config, logger: Logger): Promise<Listening[]> {
  const { clientUrls, clientHttpUrls, metricsUrls } = config.listen;
  logger.info("configuring client listeners", { "listen-client-urls": hrefsOf(clientUrls) });
  const shared = clientHttpUrls.find(({ host, port }) =>
    clientUrls.some((url) => url.host === host && url.port === port && port !== 0),
  );
  if (shared !== undefined) {
    const flags = "--listen-client-urls and --listen-client-http-urls";
    const text = `cannot bind both ${flags} on the same url ${shared.href}`;
    throw new StartError("listener failed", text);
  }
  const wanted = [
    ...portsOf(clientUrls, clientHttpUrls.length === 0 ? "grpc+http" : "grpc"),
    ...portsOf(clientHttpUrls, "http"),
    ...metricsUrls.map((url): WantedPort => ({ urls: [url], serves: "metrics" })),
  ];
  const bound: Listening[] = [];
  for (const port of wanted) {
    try {
      bound.push(await bindClientPort(port, config.clientTls, logger));
    } catch (error) {
      for (const { listener } of bound) listener.close();
      throw listenerFailed(port.urls[0], error);
    }
  }
  return bound;
}

interface WantedPort {
  /** Of one address; they differ in their schemes. */
  readonly urls: readonly [ListenUrl, ...ListenUrl[]];
  readonly serves: Serves;
}

/** URLs of the same address share a port, which then serves with TLS and without. */
function portsOf(urls: readonly ListenUrl[], serves: Serves): WantedPort[] {
  const ports = new Map<string, [ListenUrl, ...ListenUrl[]]>();
  for (const url of urls) {
    const address = `${url.host}:${url.port}`;
    const others = ports.get(address);
    if (others === undefined) ports.set(address, [url]);
    else others.push(url);
  }
  return [...ports.values()].map((shared) => ({ urls: shared, serves }));
}

async function bindClientPort(
  { urls, serves }: WantedPort,
  config: TlsConfig,
  logger: Logger,
): Promise<Listening> {
  const uses = urls.map((url) =>
    serves === "metrics" ? usesMetricsTls(url, config) : usesClientTls(url, config, logger),
  );
  const tls = uses.includes(true)
    ? createServerTls({ config, logger, endpoint: "client" })
    : undefined;
  const plainToo = uses.includes(false);
  const address = addressOf(urls[0]);
  const listener = new ClientListener({ address, clock: nodeClock, tls, plainToo });
  await listener.listen();
  const security: Security[] = plainToo ? ["plain"] : [];
  if (tls !== undefined) security.push("tls");
  return { listener, serves, security };
}

/** Binds the ports for other members. @throws StartError; nothing is bound then */
export async function bindPeers(config: Config, logger: Logger): Promise<PeerListener[]> {
  const { peerUrls } = config.listen;
  logger.info("configuring peer listeners", { "listen-peer-urls": hrefsOf(peerUrls) });
  if (config.peerTls.certFile !== undefined || config.peerTls.keyFile !== undefined) {
    logger.info("starting with peer TLS", tlsFields(config.peerTls));
  }
  const bound: PeerListener[] = [];
  for (const url of peerUrls) {
    try {
      const tls = usesPeerTls(url, config.peerTls, logger)
        ? createServerTls({ config: config.peerTls, logger, endpoint: "peer" })
        : undefined;
      const address = addressOf(url);
      const readTimeoutMs = config.raft.peerReadTimeoutMs;
      const listener = new PeerListener({ address, tls, readTimeoutMs });
      await listener.listen();
      bound.push(listener);
    } catch (error) {
      for (const listener of bound) listener.close();
      throw listenerFailed(url, error);
    }
  }
  return bound;
}

/** A TLS configuration as a log line shows it, in etcd's words. */
export function tlsFields(config: TlsConfig): Readonly<Record<string, unknown>> {
  const { certFile, keyFile, clientCertFile, clientKeyFile, trustedCaFile, crlFile } = config;
  const parts = [
    `cert = ${certFile ?? ""}, key = ${keyFile ?? ""}`,
    `client-cert=${clientCertFile ?? ""}, client-key=${clientKeyFile ?? ""}`,
    `trusted-ca = ${trustedCaFile ?? ""}, client-cert-auth = ${config.clientCertAuth}`,
    `crl-file = ${crlFile ?? ""}`,
  ];
  return { "tls-info": parts.join(", "), "cipher-suites": config.cipherSuites };
}

function addressOf(url: ListenUrl): ListenAddress {
  return url.scheme.startsWith("unix") ? { path: url.host } : { host: url.host, port: url.port };
}

/** What to do about the errors of binding a port that people meet. */
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "stop the process that listens there, or give another URL",
  EADDRNOTAVAIL: "give an address that this machine has, or 0.0.0.0 for all of them",
  EACCES: "give a port or path that this user may use; ports below 1024 are the system's",
  ENOTFOUND: "give an address, or a host name that this machine can resolve",
};

function listenerFailed(url: ListenUrl, cause: unknown): StartError {
  const reason = messageOf(cause);
  const advice = ADVICE[(cause as NodeJS.ErrnoException).code ?? ""];
  const text = `can't listen on ${url.href}: ${reason}${advice === undefined ? "" : `; ${advice}`}`;
  return new StartError("listener failed", text, { cause });
}
