import { loadEngine } from "@kvorum/backends";
import { createPrng } from "@kvorum/base";
import { nodeClock, nodeFileSystem } from "@kvorum/base/node";
import { ClientListener, type ListenAddress } from "./client-listener.js";
import type { Config } from "./config/config.js";
import { parseInitialCluster, verifyBootstrap } from "./config/initial-cluster.js";
import type { ListenUrl } from "./config/listen-url.js";
import { Member } from "./member.js";
import type { MemberOptions } from "./member-options.js";
import type { Logger } from "./observe/logger.js";

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

/** Connections that a stopping node waits for at most. */
const DRAIN_MAX_MS = 5_000;

/**
 * Binds the listeners, starts the member, and serves.
 * @throws StartError saying what failed, with which address or file, and what to do
 */
export async function startNode(
  config: Config,
  logger: Logger,
  onFault: (error: unknown) => void,
): Promise<RunningNode> {
  const listeners = await bind(config, logger);
  let member: Member;
  try {
    member = await Member.start(await memberOptions(config, logger, onFault));
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw new StartError("discovery failed", messageOf(error), { cause: error });
  }
  for (const listener of listeners) {
    logger.info("ready to serve client requests");
    listener.serve({ grpc: member.grpc, http: undefined });
    logger.info("serving client traffic insecurely; this is strongly discouraged!", {
      traffic: "grpc+http",
      address: listener.address,
    });
  }
  return {
    member,
    addresses: listeners.map((listener) => listener.address),
    async stop() {
      for (const listener of listeners) listener.stopAccepting();
      const timer = nodeClock.after(DRAIN_MAX_MS, () => {
        for (const listener of listeners) listener.close();
      });
      await member.stop();
      timer.clear();
      for (const listener of listeners) listener.close();
    },
  };
}

async function bind(config: Config, logger: Logger): Promise<ClientListener[]> {
  const listeners: ClientListener[] = [];
  for (const url of config.listen.clientUrls) {
    const listener = new ClientListener({
      address: addressOf(url),
      clock: nodeClock,
      tls: undefined,
    });
    try {
      await listener.listen();
    } catch (error) {
      for (const bound of listeners) bound.close();
      throw new StartError("listener failed", `can't listen on ${url.href}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    logger.debug("bound a client listener", { address: listener.address });
    listeners.push(listener);
  }
  return listeners;
}

function addressOf(url: ListenUrl): ListenAddress {
  return url.scheme.startsWith("unix") ? { path: url.host } : { host: url.host, port: url.port };
}

async function memberOptions(
  config: Config,
  logger: Logger,
  onFault: (error: unknown) => void,
): Promise<MemberOptions> {
  const { member, raft, clustering, backend, limits, grpc, compaction, checks } = config;
  const initial = parseInitialCluster(clustering.initialCluster);
  if (initial.kind === "error") throw new Error(initial.message);
  const problem = verifyBootstrap({
    name: member.name,
    advertisePeerUrls: clustering.advertisePeerUrls,
    members: initial.members,
  });
  if (problem !== undefined) throw new Error(problem);
  const hrefs = (urls: readonly ListenUrl[]) => urls.map((url) => url.href);
  return {
    name: member.name,
    dataDir: member.dataDir,
    walDir: member.walDir,
    engine: await loadEngine(backend.engine),
    initialCluster: new Map(initial.members.map(({ name, peerUrls }) => [name, hrefs(peerUrls)])),
    initialClusterToken: clustering.initialClusterToken,
    initialAdvertisePeerUrls: hrefs(clustering.advertisePeerUrls),
    advertiseClientUrls: hrefs(clustering.advertiseClientUrls),
    heartbeatIntervalMs: raft.heartbeatIntervalMs,
    electionTimeoutMs: raft.electionTimeoutMs,
    preVote: raft.preVote,
    learnersMax: clustering.maxLearners,
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
    onFault,
  };
}

/** Recently read and written values kept beside the engine, in bytes. */
const VALUE_CACHE_BYTES = 64 * 1024 * 1024;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
