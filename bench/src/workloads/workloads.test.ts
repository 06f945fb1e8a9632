import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Host, startHost, stopHost } from "../compare/host.js";
import { kvorumTarget } from "../compare/target.js";
import { DEFAULT_LOAD, type LoadOptions } from "../load/load-options.js";
import { findWorkloads } from "./catalogue.js";
import { fill } from "./kv-workloads.js";
import { runWorkload, shareOf } from "./run-workload.js";

/** Every workload that a short run can make, against a real node: no reply may be wrong. */
let host: Host;
const directory = mkdtempSync(join(tmpdir(), "kvorum-workloads-"));

beforeAll(async () => {
  host = await startHost(await kvorumTarget("memory"), {
    ...{ directory, members: 1, identity: undefined },
  });
  await fill(load());
});

afterAll(async () => {
  await stopHost(host);
  rmSync(directory, { recursive: true, force: true });
});

function load(overrides: Partial<LoadOptions> = {}): LoadOptions {
  return {
    ...DEFAULT_LOAD,
    ...{ endpoints: [host.members[0]!.endpoint], connections: 3, streams: 5, keyCount: 2000 },
    ...{ warmupSeconds: 0.1, seconds: 0.4 },
    ...overrides,
  };
}

describe("against a node", () => {
  it.each([
    ...["put", "range", "range-serializable", "mixed", "txn-put", "txn-mixed", "put-alone"],
    ...["range-10", "range-100k", "range-stream", "range-keys-only", "range-count"],
    ...["watch-latency", "watch-slow", "lease-keepalive", "lock-contention", "kubernetes"],
    ...["put-compacting", "put-defragmenting", "snapshot-save"],
  ])("%s", async (name) => {
    const [workload] = findWorkloads([name]);
    const result = await runWorkload(workload!, { load: load(), server: undefined });
    expect(result.errors).toEqual({});
    // The total counts the warm-up too, and what came late on a busy machine.
    expect(result.total).toBeGreaterThan(0);
  });

  it.each(["put", "watch-1k"])("splits %s over processes", async (name) => {
    const [workload] = findWorkloads([name]);
    // Long enough for a process that starts late on a busy machine to count some calls.
    const split = load({ processes: 2, ratePerSecond: 500, seconds: 2 });
    const context = { load: split, server: undefined };
    const result = await runWorkload(workload!, context);
    expect(result.errors).toEqual({});
    expect(result.total).toBeGreaterThan(0);
    if (name === "watch-1k") expect(result.count).toBe(1000 * 1000);
  });

  it("counts what a server refuses, and not as an operation", async () => {
    const [workload] = findWorkloads(["range"]);
    const context = { load: load({ keyCount: 1_000_000 }), server: undefined };
    const result = await runWorkload(workload!, context);
    expect(Object.keys(result.errors)).toEqual(["a range's reply counts 0 keys"]);
    expect(result.count).toBeLessThan(result.errors["a range's reply counts 0 keys"]!);
  });
});

it("shares connections, rate and seeds among processes", () => {
  const whole = load({ processes: 3, connections: 20, ratePerSecond: 900, seed: 7 });
  const shares = [0, 1, 2].map((i) => shareOf(whole, i));
  expect(shares.map((share) => share.connections)).toEqual([7, 7, 6]);
  expect(shares.map((share) => share.ratePerSecond)).toEqual([300, 300, 300]);
  expect(shares.map((share) => share.seed)).toEqual([7, 8, 9]);
});
