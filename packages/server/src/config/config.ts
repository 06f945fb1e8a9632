import type { FeatureGates } from "./feature-gates.js";
import type { ListenUrl } from "./listen-url.js";

/** The configuration of a node: checked, defaults filled in, deeply frozen. */
export interface Config {
  readonly member: MemberConfig;
  readonly raft: RaftConfig;
  readonly listen: ListenConfig;
  readonly clustering: ClusteringConfig;
  readonly clientTls: TlsConfig;
  readonly peerTls: TlsConfig;
  readonly backend: BackendConfig;
  readonly compaction: CompactionConfig;
  readonly limits: RequestLimits;
  readonly grpc: GrpcConfig;
  readonly http: HttpConfig;
  readonly auth: AuthConfig;
  readonly watch: { readonly progressNotifyIntervalMs: number };
  readonly checks: CheckConfig;
  readonly metrics: { readonly extensive: boolean };
  readonly logging: LoggingConfig;
  readonly featureGates: FeatureGates;
}

export interface MemberConfig {
  readonly name: string;
  readonly dataDir: string;
  /** Undefined: under the data directory. */
  readonly walDir: string | undefined;
  /** 0 keeps all. */
  readonly maxSnapshotFiles: number;
  /** 0 keeps all. */
  readonly maxWalFiles: number;
  readonly unsafeNoFsync: boolean;
  readonly forceNewCluster: boolean;
}

export interface RaftConfig {
  /** One tick. */
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly initialElectionTickAdvance: boolean;
  readonly preVote: boolean;
  readonly snapshotCountEntries: number;
  readonly snapshotCatchUpEntries: number;
  readonly peerReadTimeoutMs: number;
  readonly peerWriteTimeoutMs: number;
  /** 5 s for queues and disk plus two elections (etcd's ReqTimeout). */
  readonly requestTimeoutMs: number;
}

export interface ListenConfig {
  readonly peerUrls: readonly ListenUrl[];
  /** gRPC, and HTTP too when `clientHttpUrls` is empty. */
  readonly clientUrls: readonly ListenUrl[];
  readonly clientHttpUrls: readonly ListenUrl[];
  readonly metricsUrls: readonly ListenUrl[];
}

export interface ClusteringConfig {
  readonly advertisePeerUrls: readonly ListenUrl[];
  readonly advertiseClientUrls: readonly ListenUrl[];
  /** "name=url,name=url"; see `parseInitialCluster`. Empty with discovery. Ignored once the member has a WAL. */
  readonly initialCluster: string;
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  readonly discovery: DiscoveryConfig;
  readonly strictReconfigCheck: boolean;
  readonly maxLearners: number;
}

/** Where the initial cluster is found, when it isn't given. */
export type DiscoveryConfig =
  | { readonly kind: "none" }
  | { readonly kind: "srv"; readonly domain: string; readonly serviceName: string }
  | ({ readonly kind: "etcd" } & DiscoveryService);

/** An etcd API through which the founders of a cluster find each other. */
export interface DiscoveryService {
  readonly token: string;
  readonly endpoints: readonly string[];
  readonly dialTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly insecureTransport: boolean;
  readonly insecureSkipVerify: boolean;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly caFile: string | undefined;
  /** Empty: without authentication. */
  readonly userName: string;
  readonly password: string;
}

export interface TlsConfig {
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** Presented when this node is the client; undefined: `certFile`. */
  readonly clientCertFile: string | undefined;
  readonly clientKeyFile: string | undefined;
  readonly trustedCaFile: string | undefined;
  readonly crlFile: string | undefined;
  /** Demand and verify a certificate of the far end. */
  readonly clientCertAuth: boolean;
  /** Empty: any. */
  readonly allowedCommonNames: readonly string[];
  /** Empty: any. */
  readonly allowedHostnames: readonly string[];
  readonly skipClientSanVerification: boolean;
  /** IANA names; empty: the defaults. */
  readonly cipherSuites: readonly string[];
  readonly minVersion: TlsVersion | undefined;
  readonly maxVersion: TlsVersion | undefined;
  readonly autoTls: boolean;
  readonly selfSignedValidityYears: number;
}

export type TlsVersion = "TLS1.2" | "TLS1.3";

export interface BackendConfig {
  /** "lmdb", "leveldb", "sqlite", "memory", or a module name or path. */
  readonly engine: string;
  readonly batchIntervalMs: number;
  readonly batchOpsMax: number;
  /** Undefined: no quota. */
  readonly quotaBytes: number | undefined;
  /** --bootstrap-defrag-threshold-megabytes; 0: never. */
  readonly defragmentAtStartBytes: number;
}

export interface CompactionConfig {
  readonly auto: AutoCompaction;
  readonly batchRevisions: number;
  readonly sleepIntervalMs: number;
}

export type AutoCompaction =
  | { readonly mode: "off" }
  | { readonly mode: "periodic"; readonly retentionMs: number }
  | { readonly mode: "revision"; readonly retentionRevisions: number };

export interface RequestLimits {
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
}

export interface GrpcConfig {
  readonly maxConcurrentStreams: number;
  readonly keepaliveMinTimeMs: number;
  /** 0: never ping. */
  readonly keepaliveIntervalMs: number;
  /** 0: wait for ever. */
  readonly keepaliveTimeoutMs: number;
  readonly gateway: boolean;
}

export interface HttpConfig {
  /** Empty or with "*": all. */
  readonly corsOrigins: readonly string[];
  /** Empty or with "*": all. */
  readonly hostWhitelist: readonly string[];
}

export interface AuthConfig {
  /** "simple", "jwt,option=value,…", or empty: no tokens. */
  readonly token: string;
  readonly bcryptCost: number;
  readonly tokenTtlSeconds: number;
}

export interface CheckConfig {
  /** 0: never. */
  readonly corruptCheckIntervalMs: number;
  readonly compactHashCheckIntervalMs: number;
  readonly downgradeCheckIntervalMs: number;
  readonly warningApplyDurationMs: number;
  readonly warningUnaryRequestDurationMs: number;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "panic" | "fatal";

export interface LoggingConfig {
  readonly level: LogLevel;
  readonly format: "json" | "console";
  /** "default", "stderr", "stdout" or file paths. */
  readonly outputs: readonly string[];
  /** Undefined: files grow for ever. */
  readonly rotation: LogRotation | undefined;
}

/** Source: gopkg.in/natefinch/lumberjack. 0 means no limit, except for the size. */
export interface LogRotation {
  readonly maxSizeBytes: number;
  readonly maxAgeMs: number;
  readonly maxBackups: number;
  readonly localTime: boolean;
  readonly compress: boolean;
}
