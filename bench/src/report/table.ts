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

/** What a narrow terminal can do without, the first first; the other forms of the report have it. */
const DISPENSABLE = ["client CPU s", "write x", "disk", "spread", "p50", "RSS", "CPU us each"];

/**
 * The comparison for a terminal: a row a workload and target, medians over the rounds.
 * @param width characters of a line; columns that don't fit are left out
 */
export function renderTable(comparison: Comparison, width = Number.POSITIVE_INFINITY): string {
  for (let dropped = 0; ; dropped++) {
    const without = DISPENSABLE.slice(0, dropped);
    const table = tableOf(
      comparison,
      COLUMNS.filter(([head]) => !without.includes(head)),
    );
    if (table.indexOf("\n") <= width || dropped === DISPENSABLE.length) return table;
  }
}

function tableOf(comparison: Comparison, columns: typeof COLUMNS): string {
  const table = new Table({
    head: ["workload", "server", ...columns.map(([head]) => head)],
    colAligns: ["left", "left", ...columns.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const workload of comparison.workloads) {
    for (const target of comparison.targets) {
      const summary = summarize(comparison, workload.name, target.name);
      const cells = summary && columns.map(([, cell]) => cell(summary));
      const failed = failuresOf(comparison, workload.name, target.name) > 0 ? "failed" : "-";
      const none = [failed, ...columns.slice(1).map(() => "")];
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
