import { etcdserverpb, healthpb, v3electionpb, v3lockpb } from "@kvorum/api";
import { type Engine, loadEngine } from "@kvorum/backends";
import { hexId, messageOf } from "@kvorum/base";
import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import { bindClients, bindPeers, type Listening, tlsFields } from "./bind-listeners.js";
import type { Config, TlsConfig } from "./config/config.js";
import type { ListenUrl } from "./config/listen-url.js";
import { createClientHttp, createMetricsHttp } from "./http/client-http.js";
import { Member } from "./member.js";
import { factsOf, figuresOf } from "./member-figures.js";
import { healthOf } from "./member-health.js";
import { memberOptionsOf } from "./member-options-of.js";
import type { Logger } from "./observe/logger.js";
import { createMetrics, type Metrics } from "./observe/metrics.js";
import { StartError } from "./start-error.js";
import { StartLog } from "./start-log.js";
import { settleAutoTls } from "./tls/auto-tls.js";

/** A node as the `kvorum` executable runs it: a member, its listeners and its pages. */
export interface RunningNode {
  readonly member: Member;
  /** "host:port" of each client listener. */
  readonly addresses: readonly string[];
  /** Graceful; idempotent. */
  stop(): Promise<void>;
}

export interface HostOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** As /debug/vars may show it to anybody: without secrets. */
  readonly commandLine: readonly string[];
  /** The log or the engine failed: the process must end. */
  readonly onFault: (error: unknown) => void;
  /** The member was removed from its cluster for good: the node should be stopped. */
  readonly onRemoved: () => void;
}

/** Time that a stopping node gives its clients to end their calls; then they are cut off. */
const DRAIN_MAX_MS = 5_000;

/**
 * Binds the listeners, starts the member, and serves.
 * @throws StartError saying what failed, with which address or file, and what to do
 */
export async function startNode(given: HostOptions): Promise<RunningNode> {
  const { logger } = given;
  const engine = await engineOf(given.config);
  const startLog = new StartLog(given.config, logger);
  await startLog.found(nodeFileSystem);
  const config = await withGeneratedCertificates(given);
  const options = { ...given, config };
  const peerPorts = await bindPeers(config, logger);
  const listening = await bindClients(config, logger).catch((error: unknown) => {
    for (const port of peerPorts) port.close();
    throw error;
  });
  const close = () => {
    for (const { listener } of listening) listener.close();
    for (const port of peerPorts) port.close();
  };
  let member: Member | undefined;
  const metrics = createMetrics({
    services: SERVICES,
    extensive: config.metrics.extensive,
    featureGates: config.featureGates,
    clock: nodeClock,
    figures: () => (member === undefined ? {} : figuresOf(member)),
    facts: () => factsOf(member, process.version),
  });
  const { onFault, onRemoved } = options;
  try {
    const { version: nodeVersion, platform, arch: architecture } = process;
    await startLog.starting(nodeFileSystem, { nodeVersion, platform, architecture });
    const parts = { engine, metrics, logger, onFault, onRemoved };
    member = await Member.start(memberOptionsOf(config, parts), (handler) => {
      for (const port of peerPorts) {
        port.serve(handler);
        logger.info("serving peer traffic", { address: port.address });
      }
    });
  } catch (error) {
    close();
    throw new StartError("discovery failed", messageOf(error), { cause: error });
  }
  serveAll(options, member, metrics, listening);
  startLog.serving(hexId(member.id));
  return running(member, listening, close);
}

/** First of all, so that nothing stands before the message about a wrong name. */
async function engineOf({ backend }: Config): Promise<Engine> {
  try {
    return await loadEngine(backend.engine);
  } catch (cause) {
    throw new StartError("the storage engine can't be used", messageOf(cause), { cause });
  }
}

/** @param close ends every connection of the node at once */
function running(member: Member, listening: readonly Listening[], close: () => void): RunningNode {
  return {
    member,
    addresses: listening
      .filter(({ serves }) => serves.startsWith("grpc"))
      .map(({ listener }) => listener.address),
    async stop() {
      for (const { listener } of listening) listener.stopAccepting();
      const timer = nodeClock.after(DRAIN_MAX_MS, close);
      try {
        await member.stop();
      } finally {
        timer.clear();
        close();
      }
    },
  };
}

/** The configuration with the files of `--peer-auto-tls` and `--auto-tls` in it. */
async function withGeneratedCertificates({ config, logger }: HostOptions): Promise<Config> {
  const { clientTls, peerTls, listen, member } = config;
  const common = { dataDir: member.dataDir, fs: nodeFileSystem, clock: nodeClock, logger };
  const settle = (endpoint: "client" | "peer", tls: TlsConfig, listenUrls: readonly ListenUrl[]) =>
    settleAutoTls({ ...common, config: tls, endpoint, listenUrls }).catch((cause: unknown) => {
      const line = `failed to get ${endpoint} self-signed certs`;
      throw new StartError(line, messageOf(cause), { cause });
    });
  return {
    ...config,
    peerTls: await settle("peer", peerTls, listen.peerUrls),
    clientTls: await settle("client", clientTls, [...listen.clientUrls, ...listen.clientHttpUrls]),
  };
}

/** Every service that is served, for the metrics' lines. */
const SERVICES = [
  etcdserverpb.KVDefinition,
  etcdserverpb.WatchDefinition,
  etcdserverpb.LeaseDefinition,
  etcdserverpb.ClusterDefinition,
  etcdserverpb.MaintenanceDefinition,
  etcdserverpb.AuthDefinition,
  v3electionpb.ElectionDefinition,
  v3lockpb.LockDefinition,
  healthpb.HealthDefinition,
];

const SERVING = {
  plain: "serving client traffic insecurely; this is strongly discouraged!",
  tls: "serving client traffic securely",
} as const;

function serveAll(
  { config, logger, commandLine }: HostOptions,
  member: Member,
  metrics: Metrics,
  listening: readonly Listening[],
): void {
  const health = {
    node: healthOf(member, { commandLine, metricsText: () => metrics.text() }),
    requestTimeoutMs: config.raft.requestTimeoutMs,
    counters: metrics.labelled,
    logger,
  };
  const pages = createClientHttp({
    ...health,
    gateway: config.grpc.gateway ? member.gateway.pages : undefined,
    corsOrigins: config.http.corsOrigins,
    hostWhitelist: config.http.hostWhitelist,
    refusesCommonNames: () =>
      config.clientTls.clientCertAuth && config.grpc.gateway && member.store.auth.isEnabled,
  });
  const metricsPages = createMetricsHttp(health);
  if (config.clientTls.certFile !== undefined || config.clientTls.keyFile !== undefined) {
    logger.info("starting with client TLS", tlsFields(config.clientTls));
  }
  for (const { listener, serves, security } of listening) {
    if (serves === "metrics") {
      listener.serve({ grpc: undefined, http: metricsPages });
      continue;
    }
    logger.info("ready to serve client requests");
    listener.serve({
      grpc: serves === "http" ? undefined : member.grpc,
      http: serves === "grpc" ? undefined : pages,
    });
    for (const kind of security) {
      logger.info(SERVING[kind], { traffic: serves, address: listener.address });
    }
  }
}
