/**
 * Every flag a node knows: the one table behind the command line, the environment names, the YAML
 * keys and `--help`. Names, types and defaults are those of etcd 3.7's flag set (embed.Config).
 */

/**
 * How a value is written. "duration" is Go's "1m30s" (whole nanoseconds in YAML), "urls" a comma list
 * of listen or advertise URLs, "origins" the same or "*", "list" a comma list in the order given,
 * "set" a comma list that is sorted and free of duplicates, "enum" and "enums" one or several of
 * `choices`, "gates" a list of feature gates.
 */
export type FlagType =
  | "string"
  | "bool"
  | "int"
  | "int64"
  | "uint"
  | "uint32"
  | "uint64"
  | "duration"
  | "urls"
  | "origins"
  | "list"
  | "set"
  | "enum"
  | "enums"
  | "gates";

/**
 * "ignored" is accepted with a warning, because it means nothing here; "unsupported" is refused as
 * soon as it differs from its default, because its feature is not built. To turn a flag on, delete
 * its `status`.
 */
export type FlagStatus = "supported" | "ignored" | "unsupported";

export type Section =
  | "Member"
  | "Clustering"
  | "Security"
  | "Auth"
  | "Profiling and monitoring"
  | "Logging"
  | "Distributed tracing"
  | "Features"
  | "Unsafe"
  | "Kvorum"
  | "General"
  | "Legacy";

export interface FlagOptions {
  readonly status?: FlagStatus;
  /** Dotted path in the configuration file; null when the file has no such key. Default: the name. */
  readonly yaml?: string | null;
  /** Allowed values of an "enum" or "enums". */
  readonly choices?: readonly string[];
  /** Written to the log when the flag is given. */
  readonly deprecated?: string;
  /** Never shown in a log line. */
  readonly secret?: boolean;
  /** Known to the configuration file alone: no flag, no environment name. */
  readonly fileOnly?: boolean;
}

export interface Flag<Name extends string = string>
  extends Required<Omit<FlagOptions, "deprecated">> {
  readonly name: Name;
  readonly type: FlagType;
  /** As it would be written on the command line. */
  readonly default: string;
  readonly section: Section;
  readonly help: string;
  readonly deprecated: string | undefined;
}

const NO_KEY = { yaml: null } as const;
const LATER = { status: "unsupported" } as const;
const V2_STAGES = ["write-only", "write-only-skip-check", "write-only-drop-data", "gone"] as const;
const LOCAL_PEER = "http://localhost:2380";
const LOCAL_CLIENT = "http://localhost:2379";
const ROTATION =
  '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}';

function inSection(section: Section) {
  return <Name extends string>(
    name: Name,
    type: FlagType,
    initial: string,
    help: string,
    options: FlagOptions = {},
  ): Flag<Name> => ({
    name,
    type,
    default: initial,
    section,
    help,
    status: options.status ?? "supported",
    yaml: options.yaml === undefined ? name : options.yaml,
    choices: options.choices ?? [],
    deprecated: options.deprecated,
    secret: options.secret ?? false,
    fileOnly: options.fileOnly ?? false,
  });
}

const m = inSection("Member");
const c = inSection("Clustering");
const s = inSection("Security");
const a = inSection("Auth");
const p = inSection("Profiling and monitoring");
const l = inSection("Logging");
const t = inSection("Distributed tracing");
const f = inSection("Features");
const u = inSection("Unsafe");
const k = inSection("Kvorum");
const g = inSection("General");
const old = <Name extends string>(name: Name) =>
  inSection("Legacy")(name, "string", "", "Has no effect.", { status: "ignored", yaml: null });

function later(yaml?: string | null, secret = false): FlagOptions {
  return yaml === undefined ? { ...LATER, secret } : { ...LATER, yaml, secret };
}
const inClientTls = (key: string): FlagOptions => ({ yaml: `client-transport-security.${key}` });
const inPeerTls = (key: string): FlagOptions => ({ yaml: `peer-transport-security.${key}` });

// biome-ignore format: a table reads best as rows.
const table = [
  k("backend", "string", "lmdb", "Storage engine: lmdb, leveldb, sqlite, memory, or a module name or path."),

  m("name", "string", "default", "Name of this member, unique in its cluster."),
  m("data-dir", "string", "", "Directory of the member's data (default: the name followed by .etcd)."),
  m("wal-dir", "string", "", "Directory of the write-ahead log, when it is not in the data directory."),
  m("snapshot-count", "uint64", "10000", "Applied entries after which the Raft log is compacted."),
  m("heartbeat-interval", "uint", "100", "Milliseconds between two heartbeats of the leader."),
  m("election-timeout", "uint", "1000", "Milliseconds without a leader before an election starts."),
  m("initial-election-tick-advance", "bool", "true", "Shorten the first election timeout: a sole voter always does, others never.", { status: "ignored" }),
  m("listen-peer-urls", "urls", LOCAL_PEER, "URLs to listen on for other members."),
  m("listen-client-urls", "urls", LOCAL_CLIENT, "URLs to listen on for clients: gRPC, and HTTP unless --listen-client-http-urls is given."),
  m("listen-client-http-urls", "urls", "", "URLs to listen on for HTTP alone; takes HTTP away from --listen-client-urls."),
  m("max-snapshots", "uint", "5", "Snapshot files to keep, 0 keeps all.",
    { deprecated: "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8." }),
  m("max-wals", "uint", "5", "Log segment files to keep, 0 keeps all."),
  m("memory-mlock", "bool", "false", "Pin the pages of the process in memory.", LATER),
  m("quota-backend-bytes", "int64", "0", "Size of the store in bytes at which writes are refused; 0 means 2 GiB, below 0 no quota."),
  m("backend-bbolt-freelist-type", "string", "", "Kind of free-page list of etcd's own engine.", { status: "ignored" }),
  m("backend-batch-interval", "duration", "0s", "Longest time between two engine commits; 0 means 100ms."),
  m("backend-batch-limit", "int", "0", "Operations after which the engine commits; 0 means 10000."),
  m("max-txn-ops", "uint", "128", "Operations allowed in one transaction."),
  m("max-request-bytes", "uint", "1572864", "Largest client request in bytes."),
  m("max-concurrent-streams", "uint32", "4294967295", "Streams a client may have open on a connection."),
  m("grpc-keepalive-min-time", "duration", "5s", "Clients that ping more often than this are disconnected."),
  m("grpc-keepalive-interval", "duration", "2h", "Idle time after which a client is pinged; 0 never."),
  m("grpc-keepalive-timeout", "duration", "20s", "Time a pinged client has to answer; 0 for ever."),
  m("socket-reuse-port", "bool", "false", "Set SO_REUSEPORT on the listeners.", later("socket-options.reuse-port")),
  m("socket-reuse-address", "bool", "false", "Set SO_REUSEADDR on the listeners (always set here).", { yaml: "socket-options.reuse-address" }),
  m("enable-grpc-gateway", "bool", "true", "Serve the JSON form of the API under /v3/."),
  m("raft-read-timeout", "duration", "5s", "Read timeout of peer connections, at least 5s.", NO_KEY),
  m("raft-write-timeout", "duration", "5s", "Write timeout of peer connections, at least 5s.", NO_KEY),
  m("feature-gates", "gates", "", "Feature gates as NAME=true|false, separated by commas."),

  c("initial-advertise-peer-urls", "urls", LOCAL_PEER, "Peer URLs of this member, as the others reach it."),
  c("initial-cluster", "string", `default=${LOCAL_PEER}`, "Members of the new cluster as NAME=URL, separated by commas."),
  c("initial-cluster-state", "enum", "new", "'new' to found a cluster, 'existing' to join one; ignored on a restart.", { choices: ["new", "existing"] }),
  c("initial-cluster-token", "string", "etcd-cluster", "Text that keeps the ids of two clusters with equal URLs apart."),
  c("advertise-client-urls", "urls", LOCAL_CLIENT, "Client URLs of this member, as clients reach it."),
  c("discovery-token", "string", "", "Discovery: token of the cluster to found.", { yaml: "discovery-config.token" }),
  c("discovery-endpoints", "set", "", "Discovery: endpoints of the discovery service.", { yaml: "discovery-config.client.endpoints" }),
  c("discovery-dial-timeout", "duration", "2s", "Discovery: time to connect.", { yaml: "discovery-config.client.dial-timeout" }),
  c("discovery-request-timeout", "duration", "5s", "Discovery: time for a request.", { yaml: "discovery-config.client.request-timeout" }),
  c("discovery-keepalive-time", "duration", "2s", "Discovery: idle time before a ping.", { yaml: "discovery-config.client.keepalive-time", status: "ignored" }),
  c("discovery-keepalive-timeout", "duration", "6s", "Discovery: time for the ping's answer.", { yaml: "discovery-config.client.keepalive-timeout", status: "ignored" }),
  c("discovery-insecure-transport", "bool", "true", "Discovery: connect without TLS.", { yaml: "discovery-config.client.secure.insecure-transport" }),
  c("discovery-insecure-skip-tls-verify", "bool", "false", "Discovery: do not verify the server's certificate.", { yaml: "discovery-config.client.secure.insecure-skip-tls-verify" }),
  c("discovery-cert", "string", "", "Discovery: client certificate file.", { yaml: "discovery-config.client.secure.cert" }),
  c("discovery-key", "string", "", "Discovery: client key file.", { yaml: "discovery-config.client.secure.key" }),
  c("discovery-cacert", "string", "", "Discovery: CA file.", { yaml: "discovery-config.client.secure.cacert" }),
  c("discovery-user", "string", "", "Discovery: user, or user:password.", { yaml: "discovery-config.client.auth.username", secret: true }),
  c("discovery-password", "string", "", "Discovery: password.", { yaml: "discovery-config.client.auth.password", secret: true }),
  c("discovery-fallback", "enum", "exit", "What to do when discovery fails; only 'exit'.", { yaml: null, choices: ["exit", "proxy"] }),
  c("discovery-srv", "string", "", "DNS domain whose SRV records name the members."),
  c("discovery-srv-name", "string", "", "Suffix of the SRV service name."),
  c("strict-reconfig-check", "bool", "true", "Refuse membership changes that would lose the quorum."),
  c("pre-vote", "bool", "true", "Ask before an election whether it can be won, so that a returning member disturbs nobody."),
  c("auto-compaction-retention", "string", "0", "History to keep: a number of hours, a duration, or with mode 'revision' a number of revisions; 0 keeps all."),
  c("auto-compaction-mode", "string", "periodic", "Meaning of --auto-compaction-retention: 'periodic' or 'revision'."),
  c("v2-deprecation", "enums", "", "Has no effect.", { choices: V2_STAGES, status: "ignored",
    deprecated: "--v2-deprecation is deprecated and scheduled for removal in v3.8. The default value is enforced, ignoring user input." }),

  s("cert-file", "string", "", "Certificate file of the client listeners.", inClientTls("cert-file")),
  s("key-file", "string", "", "Key file of the client listeners.", inClientTls("key-file")),
  s("client-cert-auth", "bool", "false", "Demand a certificate from clients.", inClientTls("client-cert-auth")),
  s("client-cert-file", "string", "", "Certificate this node presents as a client of its own client port.", inClientTls("client-cert-file")),
  s("client-key-file", "string", "", "Key for --client-cert-file.", inClientTls("client-key-file")),
  s("client-crl-file", "string", "", "File of revoked client certificates.", NO_KEY),
  s("client-cert-allowed-hostname", "list", "", "SAN host names of which a client certificate must have one.", inClientTls("allowed-hostname")),
  s("client-cert-allowed-cn", "list", "", "Common names of which a client certificate must have one.", { ...inClientTls("allowed-cn"), fileOnly: true }),
  s("client-skip-client-san-verification", "bool", "false", "Do not compare a client's address with its certificate.", { ...inClientTls("skip-client-san-verification"), fileOnly: true }),
  s("trusted-ca-file", "string", "", "CA file against which client certificates are verified.", inClientTls("trusted-ca-file")),
  s("auto-tls", "bool", "false", "Serve clients with a generated certificate.", inClientTls("auto-tls")),
  s("peer-cert-file", "string", "", "Certificate file of the peer listeners.", inPeerTls("cert-file")),
  s("peer-key-file", "string", "", "Key file of the peer listeners.", inPeerTls("key-file")),
  s("peer-client-cert-auth", "bool", "false", "Demand a certificate from peers.", inPeerTls("client-cert-auth")),
  s("peer-client-cert-file", "string", "", "Certificate to present to peers, instead of --peer-cert-file.", inPeerTls("client-cert-file")),
  s("peer-client-key-file", "string", "", "Key for --peer-client-cert-file.", inPeerTls("client-key-file")),
  s("peer-trusted-ca-file", "string", "", "CA file against which peer certificates are verified.", inPeerTls("trusted-ca-file")),
  s("peer-cert-allowed-cn", "list", "", "Common names of which a peer certificate must have one.", inPeerTls("allowed-cn")),
  s("peer-cert-allowed-hostname", "list", "", "SAN host names of which a peer certificate must have one.", inPeerTls("allowed-hostname")),
  s("peer-auto-tls", "bool", "false", "Talk to peers with a generated certificate.", inPeerTls("auto-tls")),
  s("peer-crl-file", "string", "", "File of revoked peer certificates.", NO_KEY),
  s("peer-skip-client-san-verification", "bool", "false", "Do not compare a peer's address with its certificate.", inPeerTls("skip-client-san-verification")),
  s("self-signed-cert-validity", "uint", "1", "Years a generated certificate is valid."),
  s("cipher-suites", "list", "", "TLS 1.2 cipher suites by their IANA names; empty means the default ones."),
  s("cors", "origins", "*", "Origins that browsers may call from; empty or * means all."),
  s("host-whitelist", "set", "*", "Host names accepted in plain HTTP requests; empty or * means all."),
  s("tls-min-version", "string", "TLS1.2", "Lowest TLS version: TLS1.2 or TLS1.3."),
  s("tls-max-version", "string", "", "Highest TLS version: TLS1.2 or TLS1.3; empty means the highest known."),

  a("auth-token", "string", "simple", "Kind of auth token and its options."),
  a("bcrypt-cost", "uint", "10", "Cost of password hashing, 4 to 31."),
  a("auth-token-ttl", "uint", "300", "Seconds a simple token lives after its last use."),

  p("enable-pprof", "bool", "false", "Go's profiles, which this server has not; use those of Node.js.", { status: "ignored" }),
  p("metrics", "string", "basic", "'extensive' adds a histogram of the time of each gRPC method."),
  p("listen-metrics-urls", "urls", "", "Further URLs that serve only /metrics, /health, /livez and /readyz."),

  l("logger", "string", "zap", "Only 'zap', the name of etcd's JSON line format."),
  l("log-outputs", "set", "default", "Where the log goes: stderr (default), stdout, or file paths."),
  l("log-level", "string", "info", "Lowest level to log: debug, info, warn, error, panic or fatal."),
  l("log-format", "string", "json", "'json' or 'console'."),
  l("enable-log-rotation", "bool", "false", "Rotate the one log file."),
  l("log-rotation-config-json", "string", ROTATION, "maxsize in MB, maxage in days, maxbackups, localtime, compress."),
  l("warning-unary-request-duration", "duration", "300ms", "Warn about requests that take longer."),

  t("enable-distributed-tracing", "bool", "false", "Send traces to a collector.", LATER),
  t("distributed-tracing-address", "string", "localhost:4317", "Address of the collector.", LATER),
  t("distributed-tracing-service-name", "string", "etcd", "Service name in traces.", LATER),
  t("distributed-tracing-instance-id", "string", "", "Instance id in traces.", LATER),
  t("distributed-tracing-sampling-rate", "int", "0", "Spans traced of each million.", LATER),

  f("corrupt-check-time", "duration", "0s", "Time between two comparisons of the members' data; 0 never."),
  f("compact-hash-check-time", "duration", "1m", "Time between two comparisons of the members' compaction hashes."),
  f("compaction-batch-limit", "int", "0", "Revisions deleted in one piece of a compaction; 0 means 1000."),
  f("compaction-sleep-interval", "duration", "0s", "Pause between two such pieces; 0 means 10ms."),
  f("watch-progress-notify-interval", "duration", "0s", "Time between two progress notifications of a watch; 0 means 10m."),
  f("warning-apply-duration", "duration", "100ms", "Warn about entries that take longer to apply."),
  f("downgrade-check-time", "duration", "5s", "Time between two checks of a running downgrade."),
  f("bootstrap-defrag-threshold-megabytes", "uint", "0", "Defragment at the start when at least this much would be freed; 0 never."),
  f("max-learners", "int", "1", "Learners a cluster may have; equal on all members."),
  f("snapshot-catchup-entries", "uint64", "5000", "Entries kept for slow followers when the Raft log is compacted."),

  u("force-new-cluster", "bool", "false", "Make a cluster of one member from this member's data."),
  u("unsafe-no-fsync", "bool", "false", "Do not sync the write-ahead log: a power loss loses data."),

  g("config-file", "string", "", "Configuration file in YAML; all other flags and the environment are then ignored.", NO_KEY),
  g("version", "bool", "false", "Print the version and exit.", NO_KEY),

  old("cluster-active-size"), old("cluster-remove-delay"), old("cluster-sync-interval"),
  old("config"), old("force"), old("max-result-buffer"), old("max-retry-attempts"),
  old("peer-heartbeat-interval"), old("peer-election-timeout"), old("retry-interval"),
  old("snapshot"), old("v"), old("vv"), old("test.coverprofile"), old("test.outputdir"),
];

export type FlagName = (typeof table)[number]["name"];

/** In the order of `--help`. */
export const flags: readonly Flag<FlagName>[] = table;

const byName = new Map<string, Flag<FlagName>>(flags.map((flag) => [flag.name, flag]));

/** The row of a flag that may stand on the command line. */
export function findFlag(name: string): Flag<FlagName> | undefined {
  const flag = byName.get(name);
  return flag?.fileOnly ? undefined : flag;
}

export function flagNamed(name: FlagName): Flag<FlagName> {
  return byName.get(name)!;
}
