import type { Engine } from "@kvorum/backends";
import { createPrng, messageOf } from "@kvorum/base";
import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import { mvccLimits } from "@kvorum/mvcc";
import { readTokenSpec, type TokenSpec } from "./auth/tokens/token-spec.js";
import type { Config } from "./config/config.js";
import { hrefsOf } from "./config/listen-url.js";
import { clusterTokenOf, initialClusterOf } from "./discovery/initial-cluster-of.js";
import { nodeDns } from "./discovery/node-dns.js";
import { serverLimits } from "./limits.js";
import type { MemberOptions } from "./member-options.js";
import type { Logger } from "./observe/logger.js";
import { PeerClient } from "./peer/peer-client.js";
import { createDialTls } from "./tls/dial-tls.js";
import { readConfiguredFile } from "./tls/watched-files.js";

/** What a member is given by its host, beside the configuration. */
export interface HostParts
  extends Pick<MemberOptions, "metrics" | "logger" | "onFault" | "onRemoved"> {
  readonly engine: Engine;
}

/**
 * The configuration as a member takes it, with the real clock, files and network.
 * @throws Error naming the certificate, the key or the option that can't be used
 */
export function memberOptionsOf(config: Config, parts: HostParts): MemberOptions {
  const { logger } = parts;
  return {
    ...parts,
    ...clusterOptions(config, logger),
    ...consensusOptions(config),
    ...storeOptions(config),
    ...checkOptions(config),
    ...serviceOptions(config),
    auth: authOptions(config, logger),
    clock: nodeClock,
    fs: nodeFileSystem,
    prng: createPrng(nodeClock.wallMs() % 2 ** 32),
  };
}

/** Who this member is, and how it finds the others. */
function clusterOptions(config: Config, logger: Logger) {
  const { member, clustering, raft } = config;
  const dialTls = dialsOverTls(config) ? createDialTls(config.peerTls) : undefined;
  return {
    name: member.name,
    initialCluster: () => initialClusterOf(config, logger),
    initialClusterToken: clusterTokenOf(config),
    initialClusterState: clustering.initialClusterState,
    forceNewCluster: member.forceNewCluster,
    advertisePeerUrls: hrefsOf(clustering.advertisePeerUrls),
    advertiseClientUrls: hrefsOf(clustering.advertiseClientUrls),
    learnersMax: clustering.maxLearners,
    strictReconfigCheck: clustering.strictReconfigCheck,
    dialTls,
    nameLookup: { dns: nodeDns, clock: nodeClock, logger },
    peerTimeouts: { readMs: raft.peerReadTimeoutMs, writeMs: raft.peerWriteTimeoutMs },
    peerClient: new PeerClient({
      clock: nodeClock,
      electionTimeoutMs: raft.electionTimeoutMs,
      ...(dialTls === undefined ? {} : { dialTls }),
    }),
  };
}

/** Whether other members are called over TLS: some have https URLs, or files for it are given. */
function dialsOverTls({ peerTls, clustering }: Config): boolean {
  const hasFiles = peerTls.certFile !== undefined || peerTls.trustedCaFile !== undefined;
  return hasFiles || peerTls.autoTls || clustering.initialCluster.includes("https://");
}

function consensusOptions({ member, raft }: Config) {
  return {
    heartbeatIntervalMs: raft.heartbeatIntervalMs,
    electionTimeoutMs: raft.electionTimeoutMs,
    preVote: raft.preVote,
    snapshotCountEntries: raft.snapshotCountEntries,
    snapshotCatchUpEntries: raft.snapshotCatchUpEntries,
    walsMax: member.maxWalFiles,
    snapshotsMax: member.maxSnapshotFiles,
    unsafeNoSync: member.unsafeNoFsync,
  };
}

function storeOptions({ member, backend, compaction, featureGates }: Config) {
  return {
    dataDir: member.dataDir,
    walDir: member.walDir,
    quotaBytes: backend.quotaBytes ?? -1,
    defragmentAtStartBytes: backend.defragmentAtStartBytes,
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
  };
}

function checkOptions({ checks, featureGates }: Config) {
  return {
    downgradeCheckIntervalMs: checks.downgradeCheckIntervalMs,
    corruptionChecks: {
      initial: featureGates.InitialCorruptCheck,
      periodicMs: checks.corruptCheckIntervalMs,
      compactHashMs: featureGates.CompactHashCheck ? checks.compactHashCheckIntervalMs : undefined,
    },
    slowApplyMs: checks.warningApplyDurationMs,
    slowRequestMs: checks.warningUnaryRequestDurationMs,
  };
}

function serviceOptions({ limits, grpc, watch }: Config) {
  return {
    requestBytesMax: limits.maxRequestBytes,
    txnOpsMax: limits.maxTxnOps,
    watchProgressIntervalMs: watch.progressNotifyIntervalMs,
    concurrentStreamsMax: grpc.maxConcurrentStreams,
    keepalive: {
      minTimeMs: grpc.keepaliveMinTimeMs,
      intervalMs: grpc.keepaliveIntervalMs,
      timeoutMs: grpc.keepaliveTimeoutMs,
    },
  };
}

function authOptions({ auth, clientTls }: Config, logger: Logger) {
  const { token, tokenTtlSeconds: ttlSeconds, bcryptCost } = auth;
  return {
    tokens: tokenSpecOf(token, { ttlSeconds, readFile: readConfiguredFile, logger }),
    bcryptCost,
    takesCommonNames: clientTls.clientCertAuth,
  };
}

function tokenSpecOf(...[text, context]: Parameters<typeof readTokenSpec>): TokenSpec {
  try {
    return readTokenSpec(text, context);
  } catch (cause) {
    throw new Error(`--auth-token can't be used: ${messageOf(cause)}`, { cause });
  }
}
