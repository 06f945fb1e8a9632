import { etcdserverpb, healthpb } from "@kvorum/api";
import { loadEngine } from "@kvorum/backends";
import { createPrng } from "@kvorum/base";
import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import { ClientListener, type ListenAddress } from "./client-listener.js";
import type { Config } from "./config/config.js";
import type { ListenUrl } from "./config/listen-url.js";
import { clusterTokenOf, initialClusterOf } from "./discovery/initial-cluster-of.js";
import { createClientHttp, createMetricsHttp } from "./http/client-http.js";
import { serverLimits } from "./limits.js";
import { Member } from "./member.js";
import { factsOf, figuresOf } from "./member-figures.js";
import { healthOf } from "./member-health.js";
import type { MemberOptions } from "./member-options.js";
import type { Logger } from "./observe/logger.js";
import { createMetrics, type Metrics } from "./observe/metrics.js";
import { PeerClient } from "./peer/peer-client.js";
import { PeerListener } from "./peer/peer-listener.js";
import { createDialTls } from "./tls/dial-tls.js";
import { usesClientTls, usesMetricsTls } from "./tls/listener-scheme.js";
import { createServerTls } from "./tls/server-tls.js";

/** A node as the `kvorum` executable runs it: a member, its listeners and its pages. */
export interface RunningNode {
  readonly member: Member;
  /** "host:port" of each client listener. */
  readonly addresses: readonly string[];
  /** Graceful; idempotent. */
  stop(): Promise<void>;
}

/** Why a node didn't start, in the log's words. */
export class StartError extends Error {
  override readonly name = "StartError";
  /** The log line: "listener failed" or "discovery failed", as etcd has them. */
  readonly line: string;

  constructor(line: string, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.line = line;
  }
}

export interface HostOptions {
  readonly config: Config;
  readonly logger: Logger;
  readonly commandLine: readonly string[];
  /** The log or the engine failed: the process must end. */
  readonly onFault: (error: unknown) => void;
  /** The member was removed from its cluster for good: the node should be stopped. */
  readonly onRemoved: () => void;
}

/** Connections that a stopping node waits for at most. */
const DRAIN_MAX_MS = 5_000;

/** Recently read and written values kept beside the engine, in bytes. */
const VALUE_CACHE_BYTES = 64 * 1024 * 1024;

type Serves = "grpc+http" | "grpc" | "http" | "metrics";

interface Listening {
  readonly listener: ClientListener;
  readonly serves: Serves;
  readonly isSecure: boolean;
}

/**
 * Binds the listeners, starts the member, and serves.
 * @throws StartError saying what failed, with which address or file, and what to do
 */
export async function startNode(options: HostOptions): Promise<RunningNode> {
  const { config, logger } = options;
  const peerPorts = await bindPeers(config, logger);
  const listening = await bindAll(config, logger).catch((error: unknown) => {
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
  try {
    member = await Member.start(await memberOptions(options, metrics), (handler) => {
      for (const port of peerPorts) port.serve(handler);
    });
  } catch (error) {
    close();
    throw new StartError("discovery failed", messageOf(error), { cause: error });
  }
  const started = member;
  serveAll(options, started, metrics, listening);
  return {
    member: started,
    addresses: listening
      .filter(({ serves }) => serves.startsWith("grpc"))
      .map(({ listener }) => listener.address),
    async stop() {
      for (const { listener } of listening) listener.stopAccepting();
      const timer = nodeClock.after(DRAIN_MAX_MS, close);
      await started.stop();
      timer.clear();
      close();
    },
  };
}

/** Every service that is served, for the metrics' lines. */
const SERVICES = [
  etcdserverpb.KVDefinition,
  etcdserverpb.WatchDefinition,
  etcdserverpb.LeaseDefinition,
  etcdserverpb.ClusterDefinition,
  etcdserverpb.MaintenanceDefinition,
  healthpb.HealthDefinition,
];

async function bindAll(config: Config, logger: Logger): Promise<Listening[]> {
  const { clientUrls, clientHttpUrls, metricsUrls } = config.listen;
  const wanted: [ListenUrl, Serves][] = [
    ...clientUrls.map((url): [ListenUrl, Serves] => [
      url,
      clientHttpUrls.length === 0 ? "grpc+http" : "grpc",
    ]),
    ...clientHttpUrls.map((url): [ListenUrl, Serves] => [url, "http"]),
    ...metricsUrls.map((url): [ListenUrl, Serves] => [url, "metrics"]),
  ];
  const bound: Listening[] = [];
  for (const [url, serves] of wanted) {
    try {
      const isSecure =
        serves === "metrics"
          ? usesMetricsTls(url, config.clientTls)
          : usesClientTls(url, config.clientTls, logger);
      const tls = isSecure
        ? createServerTls({ config: config.clientTls, logger, endpoint: "client" })
        : undefined;
      const listener = new ClientListener({ address: addressOf(url), clock: nodeClock, tls });
      await listener.listen();
      bound.push({ listener, serves, isSecure });
    } catch (error) {
      for (const { listener } of bound) listener.close();
      throw new StartError("listener failed", `can't listen on ${url.href}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return bound;
}

async function bindPeers(config: Config, logger: Logger): Promise<PeerListener[]> {
  const bound: PeerListener[] = [];
  for (const url of config.listen.peerUrls) {
    try {
      const isSecure = url.scheme === "https" || url.scheme === "unixs";
      const tls = isSecure
        ? createServerTls({ config: config.peerTls, logger, endpoint: "peer" })
        : undefined;
      const listener = new PeerListener({ address: addressOf(url), tls });
      await listener.listen();
      bound.push(listener);
    } catch (error) {
      for (const listener of bound) listener.close();
      throw new StartError("listener failed", `can't listen on ${url.href}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return bound;
}

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
    corsOrigins: config.http.corsOrigins,
    hostWhitelist: config.http.hostWhitelist,
    refusesCommonNames: () => false,
  });
  const metricsPages = createMetricsHttp(health);
  for (const { listener, serves, isSecure } of listening) {
    if (serves === "metrics") {
      listener.serve({ grpc: undefined, http: metricsPages });
      continue;
    }
    logger.info("ready to serve client requests");
    listener.serve({
      grpc: serves === "http" ? undefined : member.grpc,
      http: serves === "grpc" ? undefined : pages,
    });
    const line = isSecure
      ? "serving client traffic securely"
      : "serving client traffic insecurely; this is strongly discouraged!";
    logger.info(line, { traffic: serves, address: listener.address });
  }
}

function addressOf(url: ListenUrl): ListenAddress {
  return url.scheme.startsWith("unix") ? { path: url.host } : { host: url.host, port: url.port };
}

async function memberOptions(host: HostOptions, metrics: Metrics): Promise<MemberOptions> {
  const { config, logger, onFault } = host;
  const { member, raft, clustering, backend, limits, grpc, compaction, checks, featureGates } =
    config;
  const hrefs = (urls: readonly ListenUrl[]) => urls.map((url) => url.href);
  const dialTls = usesPeerTls(config) ? createDialTls(config.peerTls) : undefined;
  return {
    name: member.name,
    dataDir: member.dataDir,
    walDir: member.walDir,
    engine: await loadEngine(backend.engine),
    initialCluster: () => initialClusterOf(config, logger),
    initialClusterToken: clusterTokenOf(config),
    initialClusterState: clustering.initialClusterState,
    forceNewCluster: member.forceNewCluster,
    advertisePeerUrls: hrefs(clustering.advertisePeerUrls),
    dialTls,
    peerClient: new PeerClient({
      clock: nodeClock,
      electionTimeoutMs: raft.electionTimeoutMs,
      ...(dialTls === undefined ? {} : { dialTls }),
    }),
    advertiseClientUrls: hrefs(clustering.advertiseClientUrls),
    heartbeatIntervalMs: raft.heartbeatIntervalMs,
    electionTimeoutMs: raft.electionTimeoutMs,
    preVote: raft.preVote,
    learnersMax: clustering.maxLearners,
    strictReconfigCheck: clustering.strictReconfigCheck,
    snapshotCountEntries: raft.snapshotCountEntries,
    snapshotCatchUpEntries: raft.snapshotCatchUpEntries,
    walsMax: member.maxWalFiles,
    snapshotsMax: member.maxSnapshotFiles,
    unsafeNoSync: member.unsafeNoFsync,
    quotaBytes: backend.quotaBytes ?? -1,
    requestBytesMax: limits.maxRequestBytes,
    txnOpsMax: limits.maxTxnOps,
    commitIntervalMs: backend.batchIntervalMs,
    commitOpsMax: backend.batchOpsMax,
    valueCacheBytes: VALUE_CACHE_BYTES,
    compactionBatchKeys: compaction.batchRevisions,
    compactionSleepMs: compaction.sleepIntervalMs,
    autoCompaction: compaction.auto,
    ...(featureGates.LeaseCheckpoint
      ? {
          leaseCheckpoints: {
            intervalMs: serverLimits.leaseCheckpointIntervalMs,
            persist: featureGates.LeaseCheckpointPersist,
          },
        }
      : {}),
    downgradeCheckIntervalMs: checks.downgradeCheckIntervalMs,
    corruptionChecks: {
      initial: featureGates.InitialCorruptCheck,
      periodicMs: checks.corruptCheckIntervalMs,
      compactHashMs: featureGates.CompactHashCheck ? checks.compactHashCheckIntervalMs : undefined,
    },
    watchProgressIntervalMs: config.watch.progressNotifyIntervalMs,
    slowApplyMs: checks.warningApplyDurationMs,
    slowRequestMs: checks.warningUnaryRequestDurationMs,
    concurrentStreamsMax: grpc.maxConcurrentStreams,
    keepalive: {
      minTimeMs: grpc.keepaliveMinTimeMs,
      intervalMs: grpc.keepaliveIntervalMs,
      timeoutMs: grpc.keepaliveTimeoutMs,
    },
    clock: nodeClock,
    fs: nodeFileSystem,
    prng: createPrng(nodeClock.wallMs() % 2 ** 32),
    logger,
    metrics,
    onFault,
    onRemoved: host.onRemoved,
  };
}

/** Whether other members are called over TLS: some have https URLs, or files for it are given. */
function usesPeerTls({ peerTls, clustering }: Config): boolean {
  const hasFiles = peerTls.certFile !== undefined || peerTls.trustedCaFile !== undefined;
  return hasFiles || peerTls.autoTls || clustering.initialCluster.includes("https://");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
