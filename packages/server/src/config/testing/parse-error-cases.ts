/** Arguments and what must be said about them. */
export type ErrorCase = readonly [argv: readonly string[], message: string];

/** Go's flag package refuses these: exit status 2, the message first on stderr. */
export const usageErrorCases: readonly ErrorCase[] = [
  [["--nope"], "flag provided but not defined: -nope"],
  [["-nope=1"], "flag provided but not defined: -nope"],
  [["--client-cert-allowed-cn", "x"], "flag provided but not defined: -client-cert-allowed-cn"],
  [["--name"], "flag needs an argument: -name"],
  [["--=3"], "bad flag syntax: --=3"],
  [["---x"], "bad flag syntax: ---x"],
  [["--pre-vote=maybe"], 'invalid boolean value "maybe" for -pre-vote: parse error'],
  [["--snapshot-count=x"], 'invalid value "x" for flag -snapshot-count: parse error'],
  [["--heartbeat-interval=1.5"], 'invalid value "1.5" for flag -heartbeat-interval: parse error'],
  [["--max-txn-ops=-1"], 'invalid value "-1" for flag -max-txn-ops: parse error'],
  [["--quota-backend-bytes=1e9"], 'invalid value "1e9" for flag -quota-backend-bytes: parse error'],
  [
    ["--grpc-keepalive-interval", "5"],
    'invalid value "5" for flag -grpc-keepalive-interval: parse error',
  ],
  [
    ["--grpc-keepalive-interval", "5zz"],
    'invalid value "5zz" for flag -grpc-keepalive-interval: parse error',
  ],
  [
    ["--max-learners=99999999999999999999"],
    'invalid value "99999999999999999999" for flag -max-learners: value out of range',
  ],
  [
    ["--max-concurrent-streams=-1"],
    'invalid value "-1" for flag -max-concurrent-streams: strconv.ParseUint: parsing "-1": invalid syntax',
  ],
  [
    ["--max-concurrent-streams=4294967296"],
    'invalid value "4294967296" for flag -max-concurrent-streams: strconv.ParseUint: parsing "4294967296": value out of range',
  ],
  [
    ["--initial-cluster-state=bar"],
    'invalid value "bar" for flag -initial-cluster-state: invalid value',
  ],
  [
    ["--v2-deprecation=not-yet"],
    'invalid value "not-yet" for flag -v2-deprecation: invalid value "not-yet"',
  ],
  [
    ["--listen-client-urls=foo"],
    'invalid value "foo" for flag -listen-client-urls: URL scheme must be http, https, unix, or unixs: foo',
  ],
  [
    ["--listen-client-urls=127.0.0.1:2379"],
    'invalid value "127.0.0.1:2379" for flag -listen-client-urls: parse "127.0.0.1:2379": first path segment in URL cannot contain colon',
  ],
  [
    ["--listen-client-urls=localhost:2379"],
    'invalid value "localhost:2379" for flag -listen-client-urls: URL scheme must be http, https, unix, or unixs: localhost:2379',
  ],
  [
    ["--listen-client-urls=http://127.0.0.1:x"],
    'invalid value "http://127.0.0.1:x" for flag -listen-client-urls: parse "http://127.0.0.1:x": invalid port ":x" after host',
  ],
  [
    ["--listen-client-urls=http://127.0.0.1:1/"],
    'invalid value "http://127.0.0.1:1/" for flag -listen-client-urls: URL must not contain a path: http://127.0.0.1:1/',
  ],
  [
    ["--listen-client-urls=http://127.0.0.1"],
    'invalid value "http://127.0.0.1" for flag -listen-client-urls: URL address does not have the form "host:port": http://127.0.0.1',
  ],
  [
    ["--listen-client-urls=http://a b:2"],
    'invalid value "http://a b:2" for flag -listen-client-urls: parse "http://a b:2": invalid character " " in host name',
  ],
  [
    ["--cors=foo"],
    'invalid value "foo" for flag -cors: URL scheme must be http, https, unix, or unixs: foo',
  ],
  [
    ["--feature-gates=Foo=true"],
    'invalid value "Foo=true" for flag -feature-gates: unrecognized feature gate: Foo',
  ],
  [
    ["--feature-gates=toString=true"],
    'invalid value "toString=true" for flag -feature-gates: unrecognized feature gate: toString',
  ],
  [
    ["--feature-gates=Foo"],
    'invalid value "Foo" for flag -feature-gates: missing bool value for Foo',
  ],
  [
    ["--feature-gates=LeaseCheckpoint=x"],
    'invalid value "LeaseCheckpoint=x" for flag -feature-gates: invalid value of LeaseCheckpoint=x, err: strconv.ParseBool: parsing "x": invalid syntax',
  ],
];

/** etcd refuses these after parsing: exit status 1, the message in a line of the log. */
export const verifyErrorCases: readonly ErrorCase[] = [
  [["foo"], '"foo" is not a valid flag'],
  [["--pre-vote", "false"], '"false" is not a valid flag'],
  [["--", "--name=a"], '"--name=a" is not a valid flag'],
  [["--config-file=/nope"], "open /nope: no such file or directory"],
  [
    ["--listen-client-urls=http://foo.com:2379"],
    "expected IP in URL for binding (http://foo.com:2379)",
  ],
  [["--listen-peer-urls=http://:2379"], "expected IP in URL for binding (http://:2379)"],
  [["--listen-metrics-urls=http://foo.com:1"], "expected IP in URL for binding (http://foo.com:1)"],
  [
    ["--listen-client-urls=http://127.0.0.1:2379"],
    "--advertise-client-urls is required when --listen-client-urls is set explicitly",
  ],
  [
    ["--listen-client-urls="],
    "--advertise-client-urls is required when --listen-client-urls is set explicitly",
  ],
  [
    ["--advertise-client-urls=http://:2"],
    '--advertise-client-urls "http://:2" must be in the format "host:port", "unix:/path/to/socket" or "unixs:/path/to/socket" (unexpected empty host (http://:2))',
  ],
  [
    ["--initial-advertise-peer-urls=http://:1"],
    '--initial-advertise-peer-urls "http://:1" must be "host:port" (unexpected empty host (http://:1))',
  ],
  [["--logger=capnslog"], "--logger=capnslog is removed in v3.5"],
  [["--logger=x"], 'unknown logger option "x"'],
  [["--log-format=x"], "unknown log format: x, supported values json, console"],
  [["--log-outputs=default,stdout"], 'multi logoutput for "default" is not supported yet'],
  [
    ["--enable-log-rotation"],
    "--log-outputs requires a single file path when --log-rotate-config-json is defined",
  ],
  [
    ["--enable-log-rotation", "--log-outputs=/l", "--log-rotation-config-json={"],
    "improperly formatted log rotation config: unexpected end of JSON input",
  ],
  [
    ["--discovery-fallback=proxy"],
    'v2 proxy is deprecated, and --discovery-fallback can\'t be configured as "proxy"',
  ],
  [["--discovery-token=a"], "both --discovery-token and --discovery-endpoints must be set"],
  [["--discovery-endpoints=a"], "both --discovery-token and --discovery-endpoints must be set"],
  [
    ["--discovery-endpoints=a,", "--discovery-token=t"],
    "--discovery-endpoints must not contain empty endpoints",
  ],
  [
    ["--discovery-srv=a", "--initial-cluster=default=http://localhost:2380"],
    'multiple discovery or bootstrap flags are set. Choose one of "initial-cluster", "discovery-endpoints" or "discovery-srv"',
  ],
  [["--heartbeat-interval=0"], "--heartbeat-interval must be >0 (set to 0ms)"],
  [["--election-timeout=0"], "--election-timeout must be >0 (set to 0ms)"],
  [
    ["--election-timeout=499"],
    "--election-timeout[499ms] should be at least as 5 times as --heartbeat-interval[100ms]",
  ],
  [
    ["--election-timeout=60000"],
    "--election-timeout[60000ms] is too long, and should be set less than 50000ms",
  ],
  [["--auto-compaction-mode=x"], 'unknown auto-compaction-mode "x"'],
  [["--auto-compaction-mode="], "undefined auto-compaction-mode"],
  [
    ["--feature-gates=LeaseCheckpointPersist=true"],
    "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint",
  ],
  [["--compact-hash-check-time=0s"], "--compact-hash-check-time must be >0 (set to 0s)"],
  [["--compact-hash-check-time=-90s"], "--compact-hash-check-time must be >0 (set to -1m30s)"],
  [
    ["--tls-min-version=TLS1.4"],
    'unexpected TLS version "TLS1.4" (must be one of: TLS1.2, TLS1.3)',
  ],
  [
    ["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
    "min version (TLS1.3) is greater than max version (TLS1.2)",
  ],
  [
    ["--tls-min-version=TLS1.3", "--cipher-suites=x"],
    "cipher suites cannot be configured when only TLS1.3 is enabled",
  ],
];
