import { describe, expect, it } from "vitest";
import type { Config } from "./config.js";
import { type ParseInput, type ParseResult, parseConfig } from "./parse-config.js";

function parse(argv: readonly string[], rest: Partial<ParseInput> = {}): ParseResult {
  const readFile = (path: string) => {
    throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
  };
  return parseConfig({ argv, env: {}, readFile, ...rest });
}

function configOf(argv: readonly string[], rest: Partial<ParseInput> = {}): Config {
  const result = parse(argv, rest);
  if (result.kind !== "run") throw new Error(JSON.stringify(result));
  return result.config;
}

function verifyErrorOf(result: ParseResult): unknown {
  if (result.kind !== "error") throw new Error(`parsed: ${result.kind}`);
  expect(result.exitCode).toBe(1);
  return result.notices.find((n) => n.message === "failed to verify flags")?.fields?.error;
}

describe("values", () => {
  it("has etcd's defaults", () => {
    const config = configOf([]);
    expect(config.member).toMatchObject({ name: "default", dataDir: "default.etcd" });
    expect(config.raft).toMatchObject({
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1000,
      requestTimeoutMs: 7000,
      snapshotCountEntries: 10_000,
      snapshotCatchUpEntries: 5_000,
      peerReadTimeoutMs: 5_000,
    });
    expect(config.backend).toEqual({
      engine: "lmdb",
      batchIntervalMs: 100,
      batchOpsMax: 10_000,
      quotaBytes: 2 * 1024 ** 3,
      defragmentAtStartBytes: 0,
    });
    const defragmented = parse(["--bootstrap-defrag-threshold-megabytes=3"]);
    if (defragmented.kind !== "run") throw new Error(defragmented.kind);
    expect(defragmented.config.backend.defragmentAtStartBytes).toBe(3 * 1024 ** 2);
    expect(config.clustering.initialCluster).toBe("default=http://localhost:2380");
    expect(config.compaction).toEqual({
      auto: { mode: "off" },
      batchRevisions: 1000,
      sleepIntervalMs: 10,
    });
    expect(config.grpc.keepaliveIntervalMs).toBe(7_200_000);
    expect(config.grpc.maxConcurrentStreams).toBe(4294967295);
    expect(config.checks.warningApplyDurationMs).toBe(100);
    expect(config.watch.progressNotifyIntervalMs).toBe(600_000);
    expect(config.http).toMatchObject({ corsOrigins: ["*"], hostWhitelist: ["*"] });
    expect(config.featureGates.TxnModeWriteWithSharedBuffer).toBe(true);
    expect(Object.isFrozen(config.listen.clientUrls)).toBe(true);
  });

  it("takes the three ways to write a flag, and the last of several", () => {
    expect(configOf(["-name", "a"]).member.name).toBe("a");
    expect(configOf(["--name", "a", "--name=-b"]).member.name).toBe("-b");
    expect(configOf(["--pre-vote=F", "-strict-reconfig-check"]).raft.preVote).toBe(false);
    expect(configOf(["--max-txn-ops=0x10", "--max-request-bytes=1_000"]).limits).toEqual({
      maxTxnOps: 16,
      maxRequestBytes: 1000,
    });
  });

  it("reads durations and sizes", () => {
    const config = configOf(["--backend-batch-interval=1m30.5s", "--quota-backend-bytes=-1"]);
    expect(config.backend.batchIntervalMs).toBe(90_500);
    expect(config.backend.quotaBytes).toBeUndefined();
  });

  it("sorts URLs and drops duplicates", () => {
    const urls = "http://127.0.0.1:3,http://[::1]:0, http://127.0.0.1:1,http://127.0.0.1:3";
    const config = configOf([`--listen-client-urls=${urls}`, "--advertise-client-urls=http://h:1"]);
    expect(config.listen.clientUrls).toEqual([
      { href: "http://127.0.0.1:1", scheme: "http", host: "127.0.0.1", port: 1 },
      { href: "http://127.0.0.1:3", scheme: "http", host: "127.0.0.1", port: 3 },
      { href: "http://[::1]:0", scheme: "http", host: "::1", port: 0 },
    ]);
    expect(configOf(["--listen-peer-urls=unix:///tmp/s:1"]).listen.peerUrls[0]).toMatchObject({
      scheme: "unix",
      host: "/tmp/s:1",
    });
  });

  it("derives the initial cluster from the name", () => {
    const peers = "http://10.0.0.1:2380,http://10.0.0.2:2380";
    expect(configOf(["--name=a"]).clustering.initialCluster).toBe("a=http://localhost:2380");
    expect(
      configOf(["--name=a", `--initial-advertise-peer-urls=${peers}`]).clustering.initialCluster,
    ).toBe("a=http://10.0.0.1:2380,a=http://10.0.0.2:2380");
    expect(configOf([`--initial-advertise-peer-urls=${peers}`]).clustering.initialCluster).toBe(
      "default=http://localhost:2380",
    );
  });

  it("advertises the default host for a listener on every address", () => {
    const argv = ["--name=a", "--listen-peer-urls=http://0.0.0.0:77"];
    const result = parse(argv, { defaultHost: "10.1.2.3" });
    if (result.kind !== "run") throw new Error(result.kind);
    expect(result.config.clustering.initialCluster).toBe("a=http://10.1.2.3:77");
    expect(result.config.clustering.advertiseClientUrls[0]?.href).toBe("http://localhost:2379");
    expect(result.notices.map((n) => n.message)).toContain("detected default host for advertise");
  });

  it("warns about flags without effect and about deprecated ones", () => {
    const unheeded = ["--snapshot=3", "--enable-pprof", "--initial-election-tick-advance=false"];
    const result = parse([...unheeded, "--max-snapshots=3", "--v2-deprecation=gone"]);
    if (result.kind !== "run") throw new Error(result.kind);
    const messages = result.notices.map((notice) => notice.message);
    expect(messages).toContain(
      "--max-snapshots is deprecated in 3.6 and will be decommissioned in 3.8.",
    );
    expect(messages.filter((m) => m.startsWith("--v2-deprecation is deprecated"))).toHaveLength(1);
    for (const flag of ["snapshot", "enable-pprof", "initial-election-tick-advance"]) {
      expect(result.notices).toContainEqual({
        level: "warn",
        message: "flag has no effect and is ignored",
        fields: { flag },
      });
    }
  });

  it("accepts the feature gate that has nothing to do here", () => {
    const result = parse(["--feature-gates=StopGRPCServiceOnDefrag=true"]);
    if (result.kind !== "run") throw new Error(result.kind);
    expect(result.notices).toContainEqual({
      level: "warn",
      message: "ignored feature gate",
      fields: { name: "StopGRPCServiceOnDefrag" },
    });
  });
});

describe("the environment", () => {
  it("fills what the command line leaves open; empty counts as unset", () => {
    const env = {
      ETCD_SNAPSHOT_COUNT: "5",
      ETCD_MAX_TXN_OPS: "",
      KVORUM_BACKEND: "sqlite",
      ETCD_BACKEND: "memory",
    };
    const config = configOf(["--name=a"], { env });
    expect(config.raft.snapshotCountEntries).toBe(5);
    expect(config.limits.maxTxnOps).toBe(128);
    expect(config.backend.engine).toBe("sqlite");
    expect(configOf([], { env: { ETCD_BACKEND: "leveldb" } }).backend.engine).toBe("leveldb");
  });

  it.each([
    [["--name=a"], { ETCD_NAME: "b" }, "ETCD_NAME"],
    [["--name=a"], { ETCD_NAME: "" }, "ETCD_NAME"],
    [["--backend=lmdb"], { KVORUM_BACKEND: "lmdb" }, "KVORUM_BACKEND"],
  ] as const)("%j shadowing %j is fatal", (argv, env, name) => {
    const result = parse(argv, { env });
    expect(result).toMatchObject({ kind: "error", exitCode: 1, lines: [] });
    expect(result.kind === "error" && result.notices.at(-1)).toEqual({
      level: "fatal",
      message:
        "conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))",
      fields: { "environment-variable": name },
    });
  });

  it("reports a bad value and unknown names", () => {
    const env = { ETCD_SNAPSHOT_COUNT: "zz", ETCD_FOO: "bar", ETCD_VERSION: "3" };
    const result = parse([], { env });
    expect(verifyErrorOf(result)).toBe('invalid value "zz" for ETCD_SNAPSHOT_COUNT: parse error');
    const notices = result.kind === "error" ? result.notices : [];
    expect(notices[0]).toEqual({
      level: "warn",
      message: "cannot set special environment variable",
      fields: { key: "ETCD_VERSION", value: "3" },
    });
    expect(notices).toContainEqual({
      level: "warn",
      message: "unrecognized environment variable",
      fields: { "environment-variable": "ETCD_FOO" },
    });
  });
});

describe("help and version", () => {
  it("prints every flag and the short usage", () => {
    for (const argv of [["-h"], ["--help"]]) {
      const result = parse(argv);
      if (result.kind !== "help") throw new Error(result.kind);
      expect(result.usage).toMatch(/^Usage:/);
      expect(result.text).toContain("--backend 'lmdb'");
      expect(result.text).toContain("--snapshot-catchup-entries '5000'");
      expect(result.text).not.toContain("cluster-active-size");
      expect(result.text.split("\n").every((line) => line.length < 200)).toBe(true);
    }
  });

  it("prints a version that scripts for etcd can read", () => {
    const runtime = { nodeVersion: "v20.20.0", platform: "linux", architecture: "x64" };
    const result = parse(["--version"], { runtime });
    expect(result).toEqual({
      kind: "version",
      text:
        "etcd Version: 3.7.1\nGit SHA: Not provided\nGo Version: none (Node.js v20.20.0)\n" +
        "Go OS/Arch: linux/amd64\nkvorum Version: 0.1.0\n",
    });
  });
});
