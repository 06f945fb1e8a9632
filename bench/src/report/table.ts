import Table from "cli-table3";
import type { Comparison, RunRecord } from "../compare/run-record.js";
import { median, pairedRatio, spread } from "../compare/statistics.js";

/** The comparison as a table for a terminal: a row a workload and target, medians over the rounds. */
export function renderTable(comparison: Comparison): string {
  const table = new Table({
    head: [
      "workload",
      "server",
      "rate",
      "spread",
      "x ref",
      "p50 ms",
      "p99 ms",
      "CPU s",
      "RSS",
      "errors",
    ],
    colAligns: [
      "left",
      "left",
      "right",
      "right",
      "right",
      "right",
      "right",
      "right",
      "right",
      "right",
    ],
    style: { head: [], border: [], compact: true },
  });
  const reference = comparison.targets.find((target) => target.isReference)?.name;
  for (const workload of comparison.workloads) {
    for (const target of comparison.targets) {
      const runs = runsOf(comparison, workload.name, target.name);
      const against = runsOf(comparison, workload.name, reference ?? "");
      const failed = comparison.failures.filter(
        (failure) => failure.workload === workload.name && failure.target === target.name,
      );
      table.push([workload.name, target.name, ...cells(runs, against, failed.length)]);
    }
  }
  return table.toString();
}

export function runsOf(
  comparison: Pick<Comparison, "runs">,
  workload: string,
  target: string,
): RunRecord[] {
  return comparison.runs
    .filter((run) => run.workload === workload && run.target === target)
    .sort((a, b) => a.round - b.round);
}

function cells(
  runs: readonly RunRecord[],
  against: readonly RunRecord[],
  failed: number,
): string[] {
  if (runs.length === 0) return [failed > 0 ? "failed" : "-", "", "", "", "", "", "", "", ""];
  const rates = runs.map((run) => run.result.ratePerSecond);
  const latency = (pick: (run: RunRecord) => number): string =>
    (median(runs.map(pick)) / 1000).toFixed(2);
  const errors = runs.flatMap((run) => Object.values(run.result.errors));
  return [
    `${formatNumber(median(rates))} ${runs[0]!.result.unit}/s`,
    `${(spread(rates) * 100).toFixed(0)} %`,
    against.length === 0 ? "" : pairedRatioOf(runs, against).toFixed(2),
    latency((run) => run.result.latency.p50Us),
    latency((run) => run.result.latency.p99Us),
    formatNumber(median(runs.map((run) => run.cpuSeconds ?? Number.NaN))),
    formatNumber(median(runs.map((run) => run.generatorCpuSeconds))),
    formatBytes(median(runs.map((run) => run.rssBytes ?? Number.NaN))),
    String(errors.reduce((sum, count) => sum + count, 0) + failed),
  ];
}

/** The ratio of the rates, over the rounds that both have. */
export function pairedRatioOf(runs: readonly RunRecord[], against: readonly RunRecord[]): number {
  const pairs = runs.flatMap((run) => {
    const other = against.find((candidate) => candidate.round === run.round);
    return other === undefined ? [] : [[run, other] as const];
  });
  return pairedRatio(
    pairs.map(([run]) => run.result.ratePerSecond),
    pairs.map(([, other]) => other.result.ratePerSecond),
  );
}

/** Three significant digits, thousands apart; "-" when there is none. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 3 });
}

export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return "-";
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(bytes < 10 * 1024 ** power ? 1 : 0)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}
