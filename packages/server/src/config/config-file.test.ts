import { describe, expect, it } from "vitest";
import { type ParseResult, parseConfig } from "./parse-config.js";

function parse(text: string, argv: readonly string[] = ["--config-file", "/c.yaml"]): ParseResult {
  return parseConfig({ argv, env: { ETCD_NAME: "env" }, readFile: () => text });
}

describe("a configuration file", () => {
  it("replaces flags and environment, and is found through the environment too", () => {
    const fromEnv = parseConfig({
      argv: ["--max-txn-ops=5"],
      env: { ETCD_CONFIG_FILE: "/c.yaml" },
      readFile: (path) => `name: "${path}"`,
    });
    expect(fromEnv).toMatchObject({
      kind: "run",
      config: { member: { name: "/c.yaml" }, limits: { maxTxnOps: 128 } },
    });
    expect(parse("")).toMatchObject({ kind: "run", config: { member: { name: "default" } } });
  });

  it("is told of keys that mean nothing, wherever they stand", () => {
    const text = "Name: m\nnmae: x\nclient-transport-security: {cert-file: c, cert: {a: b}}\n1: 2";
    const result = parse(text);
    const told = result.kind === "run" ? result.notices : [];
    const unknown = told.filter(({ message }) => message.startsWith("unrecognized key"));
    expect(unknown.map(({ level, fields }) => [level, fields?.key])).toEqual([
      ["warn", "1"],
      ["warn", "nmae"],
      ["warn", "client-transport-security.cert"],
    ]);
  });

  it("reads every kind of key", () => {
    const result = parse(`
Name: m1
heartbeat-interval: 20
election-timeout: 200
pre-vote: no
listen-client-urls: http://127.0.0.1:2,http://127.0.0.1:1
quota-backend-bytes: 1e6
grpc-keepalive-interval: 1500000000
cors: "*"
host-whitelist: b,a
log-outputs: [stderr, /tmp/x]
cipher-suites: [TLS_RSA_WITH_AES_128_CBC_SHA]
auto-compaction-retention: "0"
feature-gates: TxnModeWriteWithSharedBuffer=false
backend: sqlite
wal-dir:
unknown: {a: 1}
socket-options: {reuse-address: true}
client-transport-security:
  cert-file: c.pem
  key-file: k.pem
  client-cert-auth: true
  allowed-cn: [x]
  allowed-hostname: [h]
peer-transport-security:
  trusted-ca-file: ca.pem
  skip-client-san-verification: true
`);
    if (result.kind !== "run") throw new Error(JSON.stringify(result));
    const { config } = result;
    expect(config.member.name).toBe("m1");
    expect(config.member.walDir).toBeUndefined();
    expect(config.raft).toMatchObject({ heartbeatIntervalMs: 20, preVote: false });
    expect(config.listen.clientUrls.map((url) => url.port)).toEqual([1, 2]);
    expect(config.clustering.advertiseClientUrls[0]?.href).toBe("http://localhost:2379");
    expect(config.backend).toMatchObject({ engine: "sqlite", quotaBytes: 1_000_000 });
    expect(config.grpc.keepaliveIntervalMs).toBe(1500);
    expect(config.http.hostWhitelist).toEqual(["a", "b"]);
    expect(config.logging.outputs).toEqual(["stderr", "/tmp/x"]);
    expect(config.compaction.auto).toEqual({ mode: "off" });
    expect(config.clientTls).toMatchObject({
      certFile: "c.pem",
      clientCertAuth: true,
      allowedCommonNames: ["x"],
      allowedHostnames: ["h"],
      cipherSuites: ["TLS_RSA_WITH_AES_128_CBC_SHA"],
    });
    expect(config.peerTls).toMatchObject({
      trustedCaFile: "ca.pem",
      skipClientSanVerification: true,
    });
    expect(result.notices.map((n) => n.message)).toContain(
      "loaded server configuration, other configuration command line flags and environment variables will be ignored if provided",
    );
  });

  const JSON_ERROR = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ";
  it.each([
    ["heartbeat-interval: abc", `${JSON_ERROR}string into heartbeat-interval of type uint`],
    ['heartbeat-interval: "100"', `${JSON_ERROR}string into heartbeat-interval of type uint`],
    ["name: 3", `${JSON_ERROR}number into name of type string`],
    ["name: yes", `${JSON_ERROR}bool into name of type string`],
    [
      "grpc-keepalive-interval: 5s",
      `${JSON_ERROR}string into grpc-keepalive-interval of type time.Duration`,
    ],
    ["pre-vote: 3", `${JSON_ERROR}number into pre-vote of type bool`],
    ["max-learners: 1.5", `${JSON_ERROR}number 1.5 into max-learners of type int`],
    ["snapshot-count: -1", `${JSON_ERROR}number -1 into snapshot-count of type uint64`],
    [
      "max-concurrent-streams: 5000000000",
      `${JSON_ERROR}number 5000000000 into max-concurrent-streams of type uint32`,
    ],
    ["cipher-suites: x", `${JSON_ERROR}string into cipher-suites of type []string`],
    ["cipher-suites: [3]", `${JSON_ERROR}number into cipher-suites of type string`],
    [
      "peer-transport-security: 3",
      `${JSON_ERROR}number into peer-transport-security of type object`,
    ],
    [
      "socket-options: {reuse-port: 3}",
      `${JSON_ERROR}number into socket-options.reuse-port of type bool`,
    ],
    ["initial-cluster-state: foo", 'unexpected clusterState "foo"'],
    ["feature-gates: Foo=true", "unrecognized feature gate: Foo"],
    ["logger: foo", 'unknown logger option "foo"'],
    [
      "memory-mlock: true",
      '--memory-mlock is not supported by this version of Kvorum: leave it out, or at its default "false"',
    ],
    ["- a", `${JSON_ERROR}array into the configuration of type object`],
  ])("%j is refused", (text, message) => {
    const result = parse(text);
    if (result.kind !== "error") throw new Error(result.kind);
    expect(result.exitCode).toBe(1);
    expect(result.notices.at(-1)).toEqual({
      level: "warn",
      message: "failed to verify flags",
      fields: { error: message },
    });
  });

  it("reports broken YAML and broken URLs", () => {
    const broken = parse("name: [a");
    expect(broken.kind === "error" && broken.notices.at(-1)?.fields?.error).toMatch(
      /^error converting YAML to JSON: yaml: /,
    );
    expect(parse("listen-client-urls: foo")).toMatchObject({
      exitCode: 1,
      lines: [
        "unexpected error setting up listen-client-urls: URL scheme must be http, https, unix, or unixs: foo",
      ],
    });
  });
});
