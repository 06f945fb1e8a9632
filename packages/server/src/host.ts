import { etcdserverpb, healthpb, v3electionpb, v3lockpb } from "@kvorum/api";
import { loadEngine } from "@kvorum/backends";
import { createPrng, hexId, messageOf } from "@kvorum/base";
import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import { mvccLimits } from "@kvorum/mvcc";
import { readTokenSpec } from "./auth/tokens/token-spec.js";
import { bindClients, bindPeers, type Listening, tlsFields } from "./bind-listeners.js";
import type { Config, TlsConfig } from "./config/config.js";
import { hrefsOf, type ListenUrl } from "./config/listen-url.js";
import { clusterTokenOf, initialClusterOf } from "./discovery/initial-cluster-of.js";
import { nodeDns } from "./discovery/node-dns.js";
import { createClientHttp, createMetricsHttp } from "./http/client-http.js";
import { serverLimits } from "./limits.js";
import { Member } from "./member.js";
import { factsOf, figuresOf } from "./member-figures.js";
import { healthOf } from "./member-health.js";
import type { MemberOptions } from "./member-options.js";
import type { Logger } from "./observe/logger.js";
import { createMetrics, type Metrics } from "./observe/metrics.js";
import { PeerClient } from "./peer/peer-client.js";
import { StartError } from "./start-error.js";
import { StartLog } from "./start-log.js";
import { settleAutoTls } from "./tls/auto-tls.js";
import { createDialTls } from "./tls/dial-tls.js";
import { readConfiguredFile } from "./tls/watched-files.js";

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

/** Connections that a stopping node waits for at most. */
const DRAIN_MAX_MS = 5_000;

/**
 * Binds the listeners, starts the member, and serves.
 * @throws StartError saying what failed, with which address or file, and what to do
 */
export async function startNode(given: HostOptions): Promise<RunningNode> {
  const { logger } = given;
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
  await startLog.starting(nodeFileSystem, {
    nodeVersion: process.version,
    platform: process.platform,
    architecture: process.arch,
  });
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
      for (const port of peerPorts) {
        port.serve(handler);
        logger.info("serving peer traffic", { address: port.address });
      }
    });
  } catch (error) {
    close();
    throw new StartError("discovery failed", messageOf(error), { cause: error });
  }
  const started = member;
  serveAll(options, started, metrics, listening);
  startLog.serving(hexId(started.id));
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

async function memberOptions(host: HostOptions, metrics: Metrics): Promise<MemberOptions> {
  const { config, logger, onFault } = host;
  const { member, raft, clustering, backend, limits, grpc, compaction, checks, featureGates } =
    config;
  const dialTls = dialsOverTls(config) ? createDialTls(config.peerTls) : undefined;
  return {
    name: member.name,
    dataDir: member.dataDir,
    walDir: member.walDir,
    engine: await loadEngine(backend.engine),
    initialCluster: () => initialClusterOf(config, logger),
    initialClusterToken: clusterTokenOf(config),
    initialClusterState: clustering.initialClusterState,
    forceNewCluster: member.forceNewCluster,
    advertisePeerUrls: hrefsOf(clustering.advertisePeerUrls),
    dialTls,
    nameLookup: { dns: nodeDns, clock: nodeClock, logger },
    peerTimeouts: { readMs: raft.peerReadTimeoutMs, writeMs: raft.peerWriteTimeoutMs },
    peerClient: new PeerClient({
      clock: nodeClock,
      electionTimeoutMs: raft.electionTimeoutMs,
      ...(dialTls === undefined ? {} : { dialTls }),
    }),
    advertiseClientUrls: hrefsOf(clustering.advertiseClientUrls),
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
    defragmentAtStartBytes: backend.defragmentAtStartBytes,
    requestBytesMax: limits.maxRequestBytes,
    txnOpsMax: limits.maxTxnOps,
    commitIntervalMs: backend.batchIntervalMs,
    commitOpsMax: backend.batchOpsMax,
    valueCacheBytes: mvccLimits.valueCacheBytes,
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
    auth: {
      tokens: readTokenSpec(config.auth.token, {
        ttlSeconds: config.auth.tokenTtlSeconds,
        readFile: readConfiguredFile,
        logger,
      }),
      bcryptCost: config.auth.bcryptCost,
      takesCommonNames: config.clientTls.clientCertAuth,
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
function dialsOverTls({ peerTls, clustering }: Config): boolean {
  const hasFiles = peerTls.certFile !== undefined || peerTls.trustedCaFile !== undefined;
  return hasFiles || peerTls.autoTls || clustering.initialCluster.includes("https://");
}
