import { SimulatedClock } from "@kvorum/base";
import { beforeEach, describe, expect, test } from "vitest";
import { recordingLogger } from "../observe/testing/recording-logger.js";
import type { Cluster, DowngradeState } from "./cluster.js";
import { Downgrades } from "./downgrades.js";
import type { Member } from "./member.js";
import { VersionMonitor } from "./version-monitor.js";

const NONE: DowngradeState = { enabled: false, targetVersion: "" };
const member = (id: bigint): Member => ({
  ...{ id, peerUrls: [], isLearner: false, name: "", clientUrls: [] },
});

let clock: SimulatedClock;
let state: { version: string; downgrade: DowngradeState };
let storageVersion: string;
let servers: (string | undefined)[];
let lines: string[];
let downgrades: Downgrades;
let caughtUp: number;

/** What is proposed is applied at once. */
beforeEach(() => {
  clock = new SimulatedClock();
  state = { version: "3.7.0", downgrade: NONE };
  storageVersion = "3.7.0";
  servers = ["3.7.1", "3.7.0"];
  lines = [];
  caughtUp = 0;
  const members = () => servers.map((_, i) => member(BigInt(i)));
  const cluster = Object.assign(state, { members }) as Partial<Cluster> as Cluster;
  const logger = recordingLogger((level, message) => lines.push(`${level} ${message}`));
  const shared = {
    ...{ cluster, clock, logger, isLeader: () => true },
    serverVersionOf: async ({ id }: Member) => servers[Number(id)],
  };
  downgrades = new Downgrades({
    ...shared,
    catchUp: async () => void caughtUp++,
    propose: async (downgrade) => {
      state.downgrade = downgrade;
    },
    checkIntervalMs: 5_000,
  });
  new VersionMonitor({
    ...shared,
    setClusterVersion: async (version) => {
      state.version = version;
    },
    storageVersion: () => storageVersion,
    setStorageVersion: (version) => {
      storageVersion = version;
    },
  });
});

describe("what may be asked for", () => {
  test.each(["3.6", "3.6.0", "3.6.9"])("%s from 3.7", async (version) => {
    expect(await downgrades.validate(version)).toBe("3.7");
    expect(state.downgrade).toBe(NONE);
    expect(caughtUp).toBe(1);
  });

  test.each([
    ["3.7", "etcdserver: invalid downgrade target version"],
    ["3.5", "etcdserver: invalid downgrade target version"],
    ["4.6", "etcdserver: invalid downgrade target version"],
    ["", "etcdserver: wrong downgrade target version format"],
    ["3", "etcdserver: wrong downgrade target version format"],
    ["3.x", "etcdserver: wrong downgrade target version format"],
  ])("not %j", async (version, text) => {
    await expect(downgrades.validate(version)).rejects.toThrow(text);
    await expect(downgrades.enable(version)).rejects.toThrow(text);
  });

  test("nothing while the cluster version is undecided or a downgrade runs", async () => {
    await downgrades.enable("3.6");
    await expect(downgrades.enable("3.6")).rejects.toThrow(
      "etcdserver: cluster has a downgrade job in progress",
    );
    state.version = "";
    await expect(downgrades.validate("3.6")).rejects.toThrow(
      "etcdserver: cluster version not found during downgrade",
    );
  });
});

test("a downgrade lowers cluster and storage version, and ends when all run the older release", async () => {
  expect(await downgrades.enable("3.6")).toBe("3.7");
  expect(state.downgrade).toEqual({ enabled: true, targetVersion: "3.6.0" });
  await clock.run(9_000);
  expect([state.version, storageVersion]).toEqual(["3.6.0", "3.6.0"]);
  expect(lines.filter((line) => line === "info The server is ready to downgrade")).toHaveLength(1);
  servers = ["3.6.4", "3.7.1"];
  await clock.run(10_000);
  expect(state.downgrade.enabled).toBe(true);
  servers = ["3.6.4", undefined];
  await clock.run(10_000);
  expect(state.downgrade.enabled).toBe(true);
  servers = ["3.6.4", "3.6.5"];
  await clock.run(10_000);
  expect(state.downgrade.enabled).toBe(false);
  expect(lines).toContain("info the cluster has been downgraded");
  expect(state.version).toBe("3.6.0");
});

test("a cancelled downgrade lets the version rise again; cancelling none is only logged", async () => {
  await downgrades.enable("3.6");
  await clock.run(9_000);
  expect(await downgrades.cancel()).toBe("3.6");
  await clock.run(9_000);
  expect([state.version, storageVersion]).toEqual(["3.7.0", "3.7.0"]);
  expect(await downgrades.cancel()).toBe("3.7");
  expect(lines).toContain("warn failed to cancel downgrade");
});

test("a downgrade that no member's release allows is not begun", async () => {
  state.downgrade = { enabled: true, targetVersion: "3.5.0" };
  await clock.run(9_000);
  expect(state.version).toBe("3.7.0");
  expect(lines).toContain("error Cannot downgrade from cluster-version to downgrade-target");
});
