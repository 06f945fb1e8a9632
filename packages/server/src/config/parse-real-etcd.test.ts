import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { findEtcd } from "../testing/find-etcd.js";
import { environmentName } from "./environment.js";
import { findFlag, flags } from "./flags.js";
import { parseConfig } from "./parse-config.js";
import { usageErrorCases, verifyErrorCases } from "./testing/parse-error-cases.js";

const found = findEtcd();
const etcd = found?.release === "3.7" ? found.path : undefined;
if (etcd === undefined) {
  console.log("skipped: no etcd 3.7 on PATH and none named in KVORUM_TEST_ETCD");
}

function runEtcd(argv: readonly string[], env: Record<string, string> = {}) {
  const { status, stderr, stdout } = spawnSync(etcd!, argv, {
    encoding: "utf8",
    env,
    timeout: 5000,
  });
  return { status, stderr, stdout };
}

function verifyErrorIn(stderr: string): unknown {
  const line = stderr.split("\n").find((each) => each.includes('"msg":"failed to verify flags"'));
  return line && (JSON.parse(line) as { error: unknown }).error;
}

const noFile = (): string => {
  throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
};

describe.skipIf(etcd === undefined)("a real etcd", () => {
  const common = usageErrorCases.filter(
    ([argv]) => !argv[0]!.startsWith("--client-cert-allowed-cn"),
  );
  it.each(common)("says the same about %j", (argv, message) => {
    const { status, stderr } = runEtcd(argv);
    expect([status, stderr.split("\n", 1)[0]]).toEqual([2, message]);
  });

  it.each(verifyErrorCases)("says the same about %j", (argv, message) => {
    const { status, stderr } = runEtcd(argv);
    expect([status, verifyErrorIn(stderr)]).toEqual([1, message]);
  });

  it.each([
    [{ ETCD_SNAPSHOT_COUNT: "zz" }],
    [{ ETCD_MAX_CONCURRENT_STREAMS: "x", ETCD_AUTO_TLS: "maybe" }],
    [{ ETCD_LISTEN_PEER_URLS: "x" }],
  ])("says the same about %j", (env) => {
    const ours = parseConfig({ argv: [], env: { ...env }, readFile: noFile });
    const notices = ours.kind === "error" ? ours.notices : [];
    const said = notices.find((notice) => notice.message === "failed to verify flags");
    expect(said?.fields?.error).toBe(
      verifyErrorIn(runEtcd([], env as Record<string, string>).stderr),
    );
  });

  it("has the same flags with the same defaults", () => {
    const help = runEtcd(["--help"]).stdout;
    const found = [...help.matchAll(/^ {2}--([a-z0-9-]+)(?: '([^']*)'| (\d+))?$/gm)];
    expect(found.length).toBeGreaterThan(100);
    // Written in the help, but no longer flags of etcd 3.7.
    const gone = ["discovery", "discovery-proxy"];
    for (const [, name, quoted, bare] of found) {
      if (gone.includes(name!)) continue;
      const flag = findFlag(name!);
      expect(flag, name).toBeDefined();
      expect(environmentName(name!)).toMatch(/^ETCD_[A-Z0-9_]+$/);
      const shown = quoted ?? bare;
      // The help writes these otherwise than the flag itself has them.
      const special = ["data-dir", "max-concurrent-streams", "compaction-batch-limit"];
      const zeroMeans = ["watch-progress-notify-interval", "backend-batch-interval"];
      if (shown === undefined || special.includes(name!) || zeroMeans.includes(name!)) continue;
      const same = shown === flag!.default || (shown === "" && flag!.default === "false");
      expect(same || shown === "map" || name === "v2-deprecation", `${name} ${shown}`).toBe(true);
    }
    const listed = new Set(found.map(([, name]) => name));
    const own = flags.filter(
      (f) => !f.fileOnly && f.section !== "Legacy" && f.section !== "Kvorum",
    );
    const unlisted = own.map((f) => f.name).filter((name) => !listed.has(name));
    expect(unlisted).toEqual(["config-file", "version"]);
  });
});
