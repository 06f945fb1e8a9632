import { requestTimeoutMsOf } from "../timing.js";
import { type ConfigProblem, readAutoCompaction } from "./auto-compaction.js";
import type { Config, DiscoveryConfig, LoggingConfig, TlsConfig, TlsVersion } from "./config.js";
import type { FlagValues } from "./flag-value.js";
import type { FlagName } from "./flags.js";
import { configLimits } from "./limits.js";
import type { ListenUrl } from "./listen-url.js";

/** What is decided outside of the plain flags. */
export interface Settled {
  readonly dataDir: string;
  readonly initialCluster: string;
  readonly advertisePeerUrls: readonly ListenUrl[];
  readonly advertiseClientUrls: readonly ListenUrl[];
  readonly logging: LoggingConfig;
}

export type BuildResult = { readonly kind: "ok"; readonly config: Config } | ConfigProblem;

const MEBIBYTE = 1024 * 1024;

/** Lays the checked flags out by concern, with every 0 that means a default replaced. */
export function buildConfig(values: FlagValues, settled: Settled): BuildResult {
  const auto = readAutoCompaction(
    values.text("auto-compaction-mode"),
    values.text("auto-compaction-retention"),
  );
  if (auto.kind === "error") return auto;
  const config: Config = {
    ...clusterParts(values, settled),
    ...storeParts(values),
    ...serviceParts(values),
    compaction: {
      auto: auto.value,
      batchRevisions:
        values.number("compaction-batch-limit") || configLimits.compactionBatchRevisionsDefault,
      sleepIntervalMs:
        values.durationMs("compaction-sleep-interval") || configLimits.compactionSleepMsDefault,
    },
    logging: settled.logging,
    featureGates: values.gates(),
  };
  return { kind: "ok", config: deepFreeze(config) };
}

function clusterParts(values: FlagValues, settled: Settled) {
  const heartbeatIntervalMs = values.number("heartbeat-interval");
  const electionTimeoutMs = values.number("election-timeout");
  const raftTimeoutMs = (name: FlagName) =>
    Math.max(values.durationMs(name), configLimits.raftTimeoutMsMin);
  return {
    member: {
      name: values.text("name"),
      dataDir: settled.dataDir,
      walDir: values.text("wal-dir") || undefined,
      maxSnapshotFiles: values.number("max-snapshots"),
      maxWalFiles: values.number("max-wals"),
      unsafeNoFsync: values.bool("unsafe-no-fsync"),
      forceNewCluster: values.bool("force-new-cluster"),
    },
    raft: {
      heartbeatIntervalMs,
      electionTimeoutMs,
      initialElectionTickAdvance: values.bool("initial-election-tick-advance"),
      preVote: values.bool("pre-vote"),
      snapshotCountEntries: values.number("snapshot-count"),
      snapshotCatchUpEntries: values.number("snapshot-catchup-entries"),
      peerReadTimeoutMs: raftTimeoutMs("raft-read-timeout"),
      peerWriteTimeoutMs: raftTimeoutMs("raft-write-timeout"),
      requestTimeoutMs: requestTimeoutMsOf({ heartbeatIntervalMs, electionTimeoutMs }),
    },
    listen: {
      peerUrls: values.urls("listen-peer-urls"),
      clientUrls: values.urls("listen-client-urls"),
      clientHttpUrls: values.urls("listen-client-http-urls"),
      metricsUrls: values.urls("listen-metrics-urls"),
    },
    clustering: {
      advertisePeerUrls: settled.advertisePeerUrls,
      advertiseClientUrls: settled.advertiseClientUrls,
      initialCluster: settled.initialCluster,
      initialClusterState: values.text("initial-cluster-state") as "new" | "existing",
      initialClusterToken: values.text("initial-cluster-token"),
      discovery: discoveryPart(values),
      strictReconfigCheck: values.bool("strict-reconfig-check"),
      maxLearners: values.number("max-learners"),
    },
  };
}

function discoveryPart(values: FlagValues): DiscoveryConfig {
  const endpoints = values.list("discovery-endpoints");
  if (endpoints.length === 0) {
    const domain = values.text("discovery-srv");
    if (domain === "") return { kind: "none" };
    return { kind: "srv", domain, serviceName: values.text("discovery-srv-name") };
  }
  const [userName = "", ...rest] = values.text("discovery-user").split(":");
  return {
    kind: "etcd",
    token: values.text("discovery-token"),
    endpoints,
    dialTimeoutMs: values.durationMs("discovery-dial-timeout"),
    requestTimeoutMs: values.durationMs("discovery-request-timeout"),
    insecureTransport: values.bool("discovery-insecure-transport"),
    insecureSkipVerify: values.bool("discovery-insecure-skip-tls-verify"),
    certFile: values.text("discovery-cert") || undefined,
    keyFile: values.text("discovery-key") || undefined,
    caFile: values.text("discovery-cacert") || undefined,
    userName,
    password: values.text("discovery-password") || rest.join(":"),
  };
}

function storeParts(values: FlagValues) {
  const quotaBytes = values.number("quota-backend-bytes") || configLimits.quotaBytesDefault;
  return {
    backend: {
      engine: values.text("backend"),
      batchIntervalMs:
        values.durationMs("backend-batch-interval") || configLimits.batchIntervalMsDefault,
      batchOpsMax: values.number("backend-batch-limit") || configLimits.batchOpsDefault,
      quotaBytes: quotaBytes < 0 ? undefined : quotaBytes,
      defragmentAtStartBytes: values.number("bootstrap-defrag-threshold-megabytes") * MEBIBYTE,
    },
    limits: {
      maxRequestBytes: values.number("max-request-bytes"),
      maxTxnOps: values.number("max-txn-ops"),
    },
    watch: {
      progressNotifyIntervalMs:
        values.durationMs("watch-progress-notify-interval") ||
        configLimits.watchProgressNotifyMsDefault,
    },
    checks: {
      corruptCheckIntervalMs: values.durationMs("corrupt-check-time"),
      compactHashCheckIntervalMs: values.durationMs("compact-hash-check-time"),
      downgradeCheckIntervalMs: values.durationMs("downgrade-check-time"),
      warningApplyDurationMs: values.durationMs("warning-apply-duration"),
      warningUnaryRequestDurationMs:
        values.durationMs("warning-unary-request-duration") ||
        configLimits.warningUnaryRequestMsDefault,
    },
  };
}

function serviceParts(values: FlagValues) {
  const cost = values.number("bcrypt-cost");
  const costFits = cost >= configLimits.bcryptCostMin && cost <= configLimits.bcryptCostMax;
  return {
    clientTls: {
      ...tlsParts(values, ""),
      crlFile: values.text("client-crl-file") || undefined,
      clientCertFile: values.text("client-cert-file") || undefined,
      clientKeyFile: values.text("client-key-file") || undefined,
      clientCertAuth: values.bool("client-cert-auth"),
      allowedCommonNames: values.list("client-cert-allowed-cn"),
      allowedHostnames: values.list("client-cert-allowed-hostname"),
      skipClientSanVerification: values.bool("client-skip-client-san-verification"),
    },
    peerTls: {
      ...tlsParts(values, "peer-"),
      crlFile: values.text("peer-crl-file") || undefined,
      clientCertFile: values.text("peer-client-cert-file") || undefined,
      clientKeyFile: values.text("peer-client-key-file") || undefined,
      clientCertAuth: values.bool("peer-client-cert-auth"),
      allowedCommonNames: values.list("peer-cert-allowed-cn"),
      allowedHostnames: values.list("peer-cert-allowed-hostname"),
      skipClientSanVerification: values.bool("peer-skip-client-san-verification"),
    },
    grpc: {
      maxConcurrentStreams: values.number("max-concurrent-streams"),
      keepaliveMinTimeMs: values.durationMs("grpc-keepalive-min-time"),
      keepaliveIntervalMs: values.durationMs("grpc-keepalive-interval"),
      keepaliveTimeoutMs: values.durationMs("grpc-keepalive-timeout"),
      gateway: values.bool("enable-grpc-gateway"),
    },
    http: {
      corsOrigins: values.list("cors"),
      hostWhitelist: values.list("host-whitelist"),
    },
    auth: {
      token: values.text("auth-token"),
      bcryptCost: costFits ? cost : configLimits.bcryptCostDefault,
      tokenTtlSeconds: values.number("auth-token-ttl"),
    },
    metrics: { extensive: values.text("metrics") === "extensive" },
  };
}

type SharedTls = Pick<
  TlsConfig,
  | "certFile"
  | "keyFile"
  | "trustedCaFile"
  | "cipherSuites"
  | "minVersion"
  | "maxVersion"
  | "autoTls"
  | "selfSignedValidityYears"
>;

function tlsParts(values: FlagValues, prefix: "" | "peer-"): SharedTls {
  return {
    certFile: values.text(`${prefix}cert-file`) || undefined,
    keyFile: values.text(`${prefix}key-file`) || undefined,
    trustedCaFile: values.text(`${prefix}trusted-ca-file`) || undefined,
    autoTls: values.bool(`${prefix}auto-tls`),
    cipherSuites: values.list("cipher-suites"),
    minVersion: (values.text("tls-min-version") || undefined) as TlsVersion | undefined,
    maxVersion: (values.text("tls-max-version") || undefined) as TlsVersion | undefined,
    selfSignedValidityYears: values.number("self-signed-cert-validity"),
  };
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
