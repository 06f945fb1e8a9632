import type { Comparison, ReportedWorkload } from "../../compare/run-record.js";
import {
  escapeHtml,
  formatBytes,
  formatLatency,
  formatNumber,
  formatRate,
  formatRatio,
} from "../format.js";
import { type Summary, summarize } from "../summary.js";
import { bars } from "./bars.js";
import { CURVE_SAMPLES_MIN } from "./curve-samples.js";
import { legend } from "./series.js";
import { anchorOf, words } from "./words.js";
import { workloadPlots } from "./workload-plots.js";

/** One workload: bars of rates, plots, and every figure in a table that can be opened. */
export function workloadSection(
  comparison: Comparison,
  workload: ReportedWorkload,
  classes: ReadonlyMap<string, string>,
): string {
  const summaries = comparison.targets
    .map(({ name }) => summarize(comparison, workload.name, name))
    .filter((summary) => summary !== undefined);
  const heading = `<h3>${escapeHtml(workload.title)}</h3>`;
  const open = `<section id="${anchorOf(workload.name)}">${heading}`;
  if (summaries.length === 0) return `${open}<p>No run succeeded.</p></section>`;
  const rates = bars(
    summaries.map((summary) => ({
      label: summary.target,
      value: summary.ratePerSecond,
      low: summary.rateMin,
      high: summary.rateMax,
      text: barText(summary),
      ratio:
        summary.ratio === undefined || isReference(comparison, summary)
          ? ""
          : formatRatio(summary.ratio),
      series: classes.get(summary.target) ?? "",
    })),
  );
  const plots = workloadPlots(summaries, classes);
  const shown = summaries.map(({ target }) => target);
  const drawn = plots === "" ? "" : `${plots}${legend(classes, shown)}`;
  return `${open}${rates}${drawn}${details(summaries)}</section>`;
}

function isReference({ targets }: Comparison, { target }: Summary): boolean {
  return targets.some(({ name, isReference: is }) => is && name === target);
}

function barText(summary: Summary): string {
  const rate = formatRate(summary.ratePerSecond, summary.unit);
  const isSingle = summary.typical.result.latency.count < CURVE_SAMPLES_MIN;
  return isSingle ? `${formatLatency(summary.p50Us)}, ${rate}` : rate;
}

type Column = readonly [name: string, cell: (summary: Summary) => string];

const COLUMNS: readonly Column[] = [
  ["rate", (s) => formatRate(s.ratePerSecond, s.unit)],
  ["spread", (s) => `${(s.spread * 100).toFixed(0)} %`],
  ["to the reference", (s) => formatRatio(s.ratio)],
  ["p50", (s) => formatLatency(s.p50Us)],
  ["p99", (s) => formatLatency(s.p99Us)],
  ["p99.9", (s) => formatLatency(s.p999Us)],
  ["server CPU s", (s) => formatNumber(s.cpuSeconds)],
  ["CPU us each", (s) => formatNumber(s.cpuUsPerOperation)],
  ["leader's CPU us each", (s) => formatNumber(s.leaderCpuUsPerOperation)],
  ["client CPU s", (s) => formatNumber(s.generatorCpuSeconds)],
  ["resident memory", (s) => formatBytes(s.rssBytes)],
  ["leader's memory", (s) => formatBytes(s.leaderRssBytes)],
  ["store on disk", (s) => formatBytes(s.storeBytes)],
  ["disk with log", (s) => formatBytes(s.diskBytes)],
  ["write amplification", (s) => formatNumber(s.writeAmplification)],
];

/** Every figure; columns that say nothing for any target are left out. */
function details(summaries: readonly Summary[]): string {
  const figures = [...new Set(summaries.flatMap((summary) => Object.keys(summary.figures)))];
  const columns: Column[] = [
    ...COLUMNS,
    ...figures.map((name): Column => [words(name), (s) => formatNumber(s.figures[name])]),
    ["errors", (s) => String(s.errors)],
  ];
  const telling = columns.filter(([, cell]) => summaries.some((summary) => cell(summary) !== "-"));
  const head = telling.map(([name]) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  const rows = summaries.map((summary) => {
    const cells = telling.map(([, cell]) => `<td>${escapeHtml(cell(summary))}</td>`).join("");
    return `<tr><th scope="row">${escapeHtml(summary.target)}</th>${cells}</tr>`;
  });
  const table = `<table><thead><tr><th>server</th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
  return `<details><summary>All figures</summary><div class="scroll">${table}</div></details>`;
}
