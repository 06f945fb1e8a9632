import { join } from "node:path";
import type { FileSystem } from "@kvorum/base";
import type { Config } from "./config/config.js";
import { formatGoDuration } from "./config/go-text.js";
import { hrefsOf } from "./config/listen-url.js";
import { etcdVersion, kvorumVersion, type Runtime } from "./config/version.js";
import type { Logger } from "./observe/logger.js";
import { dataDirPaths } from "./storage/data-dir-paths.js";
import { hasWal } from "./storage/wal/read-wal.js";

/** Says in the log what a node starts with, in etcd's words. */
export class StartLog {
  readonly #config: Config;
  readonly #logger: Logger;

  constructor(config: Config, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
  }

  /** Before anything is made. */
  async found(fs: FileSystem): Promise<void> {
    const { dataDir } = this.#config.member;
    const isMember = (await fs.stat(join(dataDir, "member"))) !== undefined;
    const message = isMember
      ? "server has already been initialized"
      : "Initialize and start etcd server";
    const fields = { "data-dir": dataDir, "dir-type": isMember ? "member" : "empty" };
    this.#logger.info(message, fields);
  }

  /** Once the ports are bound. */
  async starting(fs: FileSystem, runtime: Runtime): Promise<void> {
    const { dataDir, walDir } = this.#config.member;
    const isInitialized = await hasWal(fs, dataDirPaths(dataDir, walDir).walDirectory);
    this.#logger.info("starting an etcd server", {
      "etcd-version": etcdVersion,
      "kvorum-version": kvorumVersion,
      "node-version": runtime.nodeVersion,
      "node-os": runtime.platform,
      "node-arch": runtime.architecture,
      "member-initialized": isInitialized,
      ...memberFields(this.#config),
      ...this.#urls(),
      ...clusterFields(this.#config, isInitialized),
      ...limitFields(this.#config),
    });
  }

  /** Once the member takes requests. */
  serving(localMemberId: string): void {
    const fields = { "local-member-id": localMemberId, ...this.#urls() };
    this.#logger.info("now serving peer/client/metrics", fields);
  }

  #urls() {
    const { listen, clustering } = this.#config;
    return {
      "initial-advertise-peer-urls": hrefsOf(clustering.advertisePeerUrls),
      "listen-peer-urls": hrefsOf(listen.peerUrls),
      "advertise-client-urls": hrefsOf(clustering.advertiseClientUrls),
      "listen-client-urls": hrefsOf(listen.clientUrls),
      "listen-metrics-urls": hrefsOf(listen.metricsUrls),
    };
  }
}

function memberFields({ member, backend, raft }: Config) {
  return {
    name: member.name,
    backend: backend.engine,
    "data-dir": member.dataDir,
    "wal-dir": member.walDir ?? "",
    "member-dir": join(member.dataDir, "member"),
    "force-new-cluster": member.forceNewCluster,
    "heartbeat-interval": duration(raft.heartbeatIntervalMs),
    "election-timeout": duration(raft.electionTimeoutMs),
    "initial-election-tick-advance": raft.initialElectionTickAdvance,
    "snapshot-count": raft.snapshotCountEntries,
    "max-wals": member.maxWalFiles,
    "max-snapshots": member.maxSnapshotFiles,
    "snapshot-catchup-entries": raft.snapshotCatchUpEntries,
    "pre-vote": raft.preVote,
  };
}

function clusterFields({ clustering }: Config, isInitialized: boolean) {
  return {
    // What a member that has run before is told about it has no effect.
    "initial-cluster": isInitialized ? "" : clustering.initialCluster,
    "initial-cluster-state": clustering.initialClusterState,
    "initial-cluster-token": clustering.initialClusterToken,
    "max-learners": clustering.maxLearners,
  };
}

function limitFields({ backend, limits, grpc, http, checks, compaction, featureGates }: Config) {
  const { auto } = compaction;
  const gates = Object.entries(featureGates).map(([name, isOn]) => `${name}=${isOn}`);
  return {
    cors: http.corsOrigins,
    "host-whitelist": http.hostWhitelist,
    "quota-backend-bytes": backend.quotaBytes ?? -1,
    "max-request-bytes": limits.maxRequestBytes,
    "max-concurrent-streams": grpc.maxConcurrentStreams,
    "feature-gates": gates.join(","),
    "corrupt-check-time-interval": duration(checks.corruptCheckIntervalMs),
    "compact-check-time-interval": duration(checks.compactHashCheckIntervalMs),
    "auto-compaction-mode": auto.mode,
    ...(auto.mode === "periodic"
      ? { "auto-compaction-retention": duration(auto.retentionMs) }
      : {}),
    ...(auto.mode === "revision" ? { "auto-compaction-retention": auto.retentionRevisions } : {}),
    "downgrade-check-interval": duration(checks.downgradeCheckIntervalMs),
  };
}

function duration(milliseconds: number): string {
  return formatGoDuration(milliseconds * 1e6);
}
