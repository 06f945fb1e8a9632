import { expect, it } from "vitest";
import { DEFAULT_LOAD } from "../load/load-options.js";
import { findWorkloads } from "../workloads/catalogue.js";
import type { ComparisonOptions } from "./comparison-session.js";
import { runComparison } from "./run-comparison.js";
import { growthSetting, growthStages, runGrowth } from "./run-growth.js";
import { settingsOf } from "./settings.js";
import { kvorumTarget } from "./target.js";

const load = { ...DEFAULT_LOAD, connections: 3, streams: 5, keyCount: 300 };

async function options(changes: Partial<ComparisonOptions>): Promise<ComparisonOptions> {
  return {
    ...{ kind: "compare", command: "a test", targets: [await kvorumTarget("memory")] },
    ...{ settings: [], rounds: 1, isSecure: false, isInterrupted: () => false },
    load: { ...load, warmupSeconds: 0.1, seconds: 0.3 },
    onStep: () => undefined,
    ...changes,
  };
}

it("measures three members behind TLS, at the leader and at a follower", async () => {
  const settings = settingsOf([3], findWorkloads(["put", "range"]));
  const comparison = await runComparison(await options({ settings, isSecure: true }));
  expect(comparison.failures).toEqual([]);
  expect(comparison.runs.map(({ workload }) => workload)).toEqual(
    comparison.workloads.map(({ name }) => name),
  );
  for (const { result } of comparison.runs) {
    // On a machine that is busy enough a cluster elects, which the report must tell.
    const faults = Object.keys(result.errors).filter((fault) => !fault.includes("elected"));
    expect(faults).toEqual([]);
    expect(result.total).toBeGreaterThan(0);
  }
  const [line] = comparison.targets[0]!.commandLines!;
  expect(line).toContain("m0=https://127.0.0.1:");
  expect(line).toContain("--peer-client-cert-auth");
});

it("lets stores grow, and measures each stage", async () => {
  const axes = { keys: [100, 300], connections: [1, 4], streams: 1 };
  const stages = growthStages({ ...axes, workloads: findWorkloads(["range"]) });
  const settings = [growthSetting(stages)];
  const comparison = await runGrowth(await options({ kind: "growth", settings }), stages);
  expect(comparison.failures).toEqual([]);
  expect(comparison.runs.map(({ workload }) => workload)).toEqual([
    ...["fill@100-keys", "range@100-keys", "range@1-connections", "range@4-connections"],
    ...["fill@300-keys", "range@300-keys"],
  ]);
  // A range asks for any of the keys, so that a stage that was not filled would have errors.
  for (const { result } of comparison.runs) expect(result.errors).toEqual({});
  expect(comparison.runs.map(({ result }) => result.writes)).toEqual([100, 0, 0, 0, 200, 0]);
});

it("ends when it is interrupted, and says that it was", async () => {
  let steps = 0;
  const settings = settingsOf([1], findWorkloads(["put", "range"]));
  const interrupted = await options({
    ...{ settings, isInterrupted: () => steps >= 3, onStep: () => void steps++ },
  });
  const comparison = await runComparison(interrupted);
  expect(comparison.runs.map(({ workload }) => workload)).toEqual(["fill", "put"]);
  expect(comparison.failures.map(({ reason }) => reason)).toEqual([
    "interrupted after 3 of 4 steps",
  ]);
});

it("goes on without a server that does not start", async () => {
  const [good, bad] = [await kvorumTarget("memory"), await kvorumTarget("memory")];
  const broken = { ...bad, name: "broken", args: [...bad.args, "--no-such-flag"] };
  const settings = settingsOf([1], findWorkloads(["put"]));
  const comparison = await runComparison(await options({ targets: [broken, good], settings }));
  expect(comparison.runs.map(({ target }) => target)).toEqual(["kvorum memory"]);
  expect(comparison.failures).toMatchObject([{ workload: "start", target: "broken" }]);
  expect(comparison.failures[0]!.reason).toContain("no-such-flag");
});
