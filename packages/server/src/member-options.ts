import type { DirectoryLock, Engine } from "@kvorum/backends";
import type { Clock, FileSystem, Prng } from "@kvorum/base";
import type { TokenSpec } from "./auth/tokens/token-spec.js";
import type { AutoCompaction } from "./config/config.js";
import type { NameLookup } from "./discovery/url-mismatch.js";
import type { Logger } from "./observe/logger.js";
import type { Metrics } from "./observe/metrics.js";
import type { PeerClient } from "./peer/peer-client.js";
import type { StreamTimeouts } from "./peer/stream-timeouts.js";
import type { DialTls } from "./tls/dial-tls.js";

/** Member name -> its peer URLs. */
export type InitialCluster = ReadonlyMap<string, readonly string[]>;

export interface CorruptionChecks {
  /** Feature InitialCorruptCheck: before serving. */
  readonly initial: boolean;
  /** --corrupt-check-time; 0: never. */
  readonly periodicMs: number;
  /** --compact-hash-check-time; undefined: never. */
  readonly compactHashMs: number | undefined;
}

/** Everything a member is told at its start. Times in milliseconds, sizes in bytes. */
export interface MemberOptions {
  readonly name: string;
  readonly dataDir: string;
  /** Undefined: inside the data directory. */
  readonly walDir: string | undefined;
  readonly engine: Engine;
  /** Keeps other processes out of the data directory; absent: a lock of the real file system. */
  readonly lockDirectory?: (directory: string) => Promise<DirectoryLock>;

  /**
   * Member name -> its peer URLs, of all first members; asked only when the data directory is new.
   * @throws Error saying what is wrong with the configuration
   */
  readonly initialCluster: () => InitialCluster | Promise<InitialCluster>;
  readonly initialClusterToken: string;
  /** "existing": this member was added to a running cluster and joins it. */
  readonly initialClusterState: "new" | "existing";
  /** --force-new-cluster: drop all other members from what the data directory holds. */
  readonly forceNewCluster?: boolean;
  readonly advertisePeerUrls: readonly string[];
  readonly advertiseClientUrls: readonly string[];
  /** For other members with https URLs. */
  readonly dialTls: DialTls | undefined;
  /** Of the streams to and from other members; undefined: etcd's defaults. */
  readonly peerTimeouts?: StreamTimeouts;
  /** Looks up host names in the peer URLs of a cluster that is joined; undefined: never. */
  readonly nameLookup?: NameLookup;
  /** Asks other members. */
  readonly peerClient: PeerClient;

  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly preVote: boolean;
  readonly learnersMax: number;
  readonly strictReconfigCheck: boolean;

  /** Applied entries between two snapshots of the log. */
  readonly snapshotCountEntries: number;
  readonly snapshotCatchUpEntries: number;
  /** Files kept, 0 for all. */
  readonly walsMax: number;
  readonly snapshotsMax: number;
  readonly unsafeNoSync: boolean;

  /** 0: the default of 2 GiB; below 0: off. */
  readonly quotaBytes: number;
  /** Unused space of the engine that is given back at the start; 0, absent: never. */
  readonly defragmentAtStartBytes?: number;
  readonly requestBytesMax: number;
  readonly txnOpsMax: number;
  readonly commitIntervalMs: number;
  readonly commitOpsMax: number;
  readonly valueCacheBytes: number;
  readonly compactionBatchKeys: number;
  readonly compactionSleepMs: number;
  /** --auto-compaction-mode and -retention; absent: off. */
  readonly autoCompaction?: AutoCompaction;
  /** Comparisons of the members' data; absent: none. */
  readonly corruptionChecks?: CorruptionChecks;
  /** --downgrade-check-time: how often the leader looks whether a downgrade is done; 0, absent: never. */
  readonly downgradeCheckIntervalMs?: number;
  /** Feature LeaseCheckpoint; absent: the remaining time of leases is never noted. */
  readonly leaseCheckpoints?: {
    readonly intervalMs: number;
    /** Feature LeaseCheckpointPersist: before cluster version 3.6, too. */
    readonly persist: boolean;
  };
  readonly watchProgressIntervalMs: number;
  readonly slowApplyMs: number;
  readonly slowRequestMs: number;

  readonly concurrentStreamsMax: number;
  readonly keepalive: {
    readonly minTimeMs: number;
    readonly intervalMs: number;
    readonly timeoutMs: number;
  };

  /** Absent: etcd's defaults. What counts is whether the store's content has it on. */
  readonly auth?: {
    /** --auth-token, --auth-token-ttl */
    readonly tokens: TokenSpec;
    readonly bcryptCost: number;
    /** --client-cert-auth: the common name of a client's certificate says who calls without a token. */
    readonly takesCommonNames: boolean;
  };

  readonly clock: Clock;
  readonly fs: FileSystem;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The node can't go on: the log or the engine failed. Called once; the host ends the process. */
  readonly onFault: (error: unknown) => void;
  /** This member was removed from its cluster for good: the host stops it and ends. */
  readonly onRemoved: () => void;
}
