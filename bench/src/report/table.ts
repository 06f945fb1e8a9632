import Table from "cli-table3";
import type { Comparison } from "../compare/run-record.js";
import { formatBytes, formatLatency, formatNumber, formatRate, formatRatio } from "./format.js";
import { failuresOf, type Summary, summarize } from "./summary.js";

/** Right-aligned columns behind the two names. */
const COLUMNS: readonly (readonly [head: string, cell: (summary: Summary) => string])[] = [
  ["rate", (s) => formatRate(s.ratePerSecond, s.unit)],
  ["spread", (s) => `${(s.spread * 100).toFixed(0)} %`],
  ["to ref.", (s) => formatRatio(s.ratio)],
  ["p50", (s) => formatLatency(s.p50Us)],
  ["p99", (s) => formatLatency(s.p99Us)],
  ["CPU us each", (s) => formatNumber(s.cpuUsPerOperation)],
  ["client CPU s", (s) => formatNumber(s.generatorCpuSeconds)],
  ["RSS", (s) => formatBytes(s.rssBytes)],
  ["disk", (s) => formatBytes(s.diskBytes)],
  ["write x", (s) => formatNumber(s.writeAmplification)],
  ["errors", (s) => String(s.errors)],
];

/** The comparison for a terminal: a row a workload and target, medians over the rounds. */
export function renderTable(comparison: Comparison): string {
  const table = new Table({
    head: ["workload", "server", ...COLUMNS.map(([head]) => head)],
    colAligns: ["left", "left", ...COLUMNS.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const workload of comparison.workloads) {
    for (const target of comparison.targets) {
      const summary = summarize(comparison, workload.name, target.name);
      const cells = summary && COLUMNS.map(([, cell]) => cell(summary));
      const failed = failuresOf(comparison, workload.name, target.name) > 0 ? "failed" : "-";
      const none = [failed, ...COLUMNS.slice(1).map(() => "")];
      table.push([workload.name, target.name, ...(cells ?? none)]);
    }
  }
  return table.toString();
}

/** Everything that went wrong, a line each; empty when nothing did. */
export function renderFaults({ failures, runs }: Comparison): string[] {
  const failed = failures.map((run) => `${run.target}: ${run.workload} failed: ${run.reason}`);
  const wrong = runs.flatMap((run) =>
    Object.entries(run.result.errors).map(
      ([what, times]) => `${run.target}: ${run.workload}: ${what} (${times} times)`,
    ),
  );
  return [...failed, ...wrong];
}
