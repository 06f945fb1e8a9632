import type { Comparison } from "../compare/run-record.js";
import {
  escapeHtml,
  formatBytes,
  formatLatency,
  formatNumber,
  formatRate,
  formatRatio,
} from "./format.js";
import { PAGE_STYLE } from "./page-style.js";
import { type Summary, summarize } from "./summary.js";
import { svgBars } from "./svg-bars.js";
import { linearAxis, logAxis, svgLines } from "./svg-lines.js";
import { renderFaults } from "./table.js";

/** Told apart also by those who don't see red and green alike (Okabe and Ito). */
const COLORS = ["#999999", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];

/** The comparison as one page that needs nothing else: style and plots stand in it. */
export function renderHtml(comparison: Comparison): string {
  const colors = new Map(
    comparison.targets.map(({ name }, i) => [name, COLORS[i % COLORS.length]!] as const),
  );
  const sections = comparison.workloads.map((workload) => section(comparison, workload, colors));
  const faults = renderFaults(comparison).map((line) => `<li>${escapeHtml(line)}</li>`);
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<title>Kvorum: engines side by side</title><style>${PAGE_STYLE}</style></head><body>`,
    `<h1>Kvorum: engines side by side</h1>`,
    `<p>${escapeHtml(comparison.startedAt)}. Medians of ${comparison.options.rounds} interleaved `,
    `rounds; whiskers and spread show the slowest and the fastest. Ratios are to the reference, `,
    `pairwise by round. An error is never counted in a rate.</p>`,
    definitions({ ...comparison.machine, ...comparison.options }),
    faults.length === 0
      ? `<p class="clean">Every reply of every run was right.</p>`
      : `<div class="faults"><h2>Errors</h2><ul>${faults.join("")}</ul></div>`,
    overview(comparison),
    ...sections,
    `</body></html>\n`,
  ].join("");
}

function definitions(values: Readonly<Record<string, string | number>>): string {
  const items = Object.entries(values).map(
    ([name, value]) =>
      `<div><dt>${escapeHtml(words(name))}</dt><dd>${escapeHtml(String(value))}</dd></div>`,
  );
  return `<dl>${items.join("")}</dl>`;
}

/** Every workload against every target, as ratios where there is a reference. */
function overview(comparison: Comparison): string {
  const hasReference = comparison.targets.some((target) => target.isReference);
  const head = comparison.targets.map(({ name }) => `<th>${escapeHtml(name)}</th>`).join("");
  const rows = comparison.workloads.map((workload) => {
    const cells = comparison.targets.map(({ name, isReference }) => {
      const summary = summarize(comparison, workload.name, name);
      if (summary === undefined) return `<td>-</td>`;
      const rate = formatRate(summary.ratePerSecond, summary.unit);
      if (isReference || !hasReference) return `<td>${escapeHtml(rate)}</td>`;
      const title = `title="${escapeHtml(rate)}"`;
      return `<td class="${grade(summary.ratio)}" ${title}>${formatRatio(summary.ratio)}</td>`;
    });
    const link = `<a href="#${workload.name}">${escapeHtml(workload.title)}</a>`;
    return `<tr><th scope="row">${link}</th>${cells.join("")}</tr>`;
  });
  const body = `<thead><tr><th></th>${head}</tr></thead><tbody>${rows.join("")}</tbody>`;
  return `<h2>At a glance</h2><table>${body}</table>`;
}

function grade(ratio: number | undefined): string {
  if (ratio === undefined) return "";
  return ratio >= 2 ? "best" : ratio >= 1 ? "good" : "bad";
}

function section(
  comparison: Comparison,
  workload: Comparison["workloads"][number],
  colors: ReadonlyMap<string, string>,
): string {
  const summaries = comparison.targets
    .map(({ name }) => summarize(comparison, workload.name, name))
    .filter((summary) => summary !== undefined);
  const heading = `<h2 id="${workload.name}">${escapeHtml(workload.title)}</h2>`;
  if (summaries.length === 0) return `${heading}<p>No run succeeded.</p>`;
  const bars = summaries.map((summary) => ({
    label: summary.target,
    value: summary.ratePerSecond,
    low: summary.rateMin,
    high: summary.rateMax,
    text: [formatRate(summary.ratePerSecond, summary.unit), formatRatio(summary.ratio)]
      .filter((text) => text !== "-")
      .join(", "),
    color: colors.get(summary.target)!,
  }));
  const plots = `${latencyPlot(summaries, colors)}${timelinePlot(summaries, colors)}`;
  const content = `${svgBars(bars)}<div class="plots">${plots}</div>${details(summaries)}`;
  return `<section>${heading}${content}</section>`;
}

/** Percentiles on an axis where each further nine is as far: 90, 99, 99.9, 99.99 %. */
function latencyPlot(summaries: readonly Summary[], colors: ReadonlyMap<string, string>): string {
  const shown = summaries.filter((summary) => summary.typical.result.latency.count >= 100);
  if (shown.length === 0) return "";
  const beyond = (fraction: number): number => 1 / Math.max(1e-4, 1 - fraction);
  const lines = shown.map(({ target, typical }) => ({
    color: colors.get(target)!,
    label: target,
    points: typical.result.curve.map(
      ({ fraction, latencyUs }) => [beyond(fraction), Math.max(1, latencyUs)] as const,
    ),
  }));
  const all = lines.flatMap((line) => line.points.map(([, us]) => us));
  const percent = (value: number): string => `${Number(((1 - 1 / value) * 100).toFixed(3))} %`;
  const x = logAxis({ least: 1, most: 1e4 }, "of the calls took at most", percent);
  const bounds = { least: Math.min(...all), most: Math.max(...all) };
  return svgLines(lines, x, logAxis(bounds, "latency", formatLatency));
}

function timelinePlot(summaries: readonly Summary[], colors: ReadonlyMap<string, string>): string {
  const lines = summaries
    .filter(({ typical }) => typical.result.timeline.length > 1)
    .map(({ target, typical }) => ({
      color: colors.get(target)!,
      label: target,
      points: typical.result.timeline.map(
        ({ atMs, ratePerSecond }) => [atMs / 1000, ratePerSecond] as const,
      ),
    }));
  if (lines.length === 0) return "";
  const points = lines.flatMap((line) => line.points);
  const x = linearAxis(Math.max(...points.map(([at]) => at)), "seconds", formatNumber);
  const y = linearAxis(Math.max(...points.map(([, rate]) => rate)), "per second", formatNumber);
  return svgLines(lines, x, y);
}

function details(summaries: readonly Summary[]): string {
  const figures = [...new Set(summaries.flatMap((summary) => Object.keys(summary.figures)))];
  const columns: (readonly [string, (summary: Summary) => string])[] = [
    ["rate", (s) => formatRate(s.ratePerSecond, s.unit)],
    ["spread", (s) => `${(s.spread * 100).toFixed(0)} %`],
    ["to the reference", (s) => formatRatio(s.ratio)],
    ["p50", (s) => formatLatency(s.p50Us)],
    ["p99", (s) => formatLatency(s.p99Us)],
    ["p99.9", (s) => formatLatency(s.p999Us)],
    ["server CPU s", (s) => formatNumber(s.cpuSeconds)],
    ["CPU us each", (s) => formatNumber(s.cpuUsPerOperation)],
    ["client CPU s", (s) => formatNumber(s.generatorCpuSeconds)],
    ["memory (RSS)", (s) => formatBytes(s.rssBytes)],
    ["disk", (s) => formatBytes(s.diskBytes)],
    ["write amplification", (s) => formatNumber(s.writeAmplification)],
    ...figures.map((name) => [words(name), (s: Summary) => formatNumber(s.figures[name])] as const),
    ["errors", (s) => String(s.errors)],
  ];
  const head = columns.map(([name]) => `<th>${escapeHtml(name)}</th>`).join("");
  const rows = summaries.map((summary) => {
    const cells = columns.map(([, cell]) => `<td>${escapeHtml(cell(summary))}</td>`).join("");
    return `<tr><th scope="row">${escapeHtml(summary.target)}</th>${cells}</tr>`;
  });
  return `<table><thead><tr><th></th>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

/** "secondsPerRun" as "seconds per run". */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
