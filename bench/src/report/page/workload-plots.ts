import type { TimelinePoint } from "../../load/tally.js";
import { formatLatency } from "../format.js";
import type { Summary } from "../summary.js";
import { linearAxis, logAxis } from "./axis.js";
import { CURVE_SAMPLES_MIN } from "./curve-samples.js";
import { figure } from "./series.js";
import { type Line, svgPlot } from "./svg-plot.js";
import { compact } from "./words.js";

type Classes = ReadonlyMap<string, string>;

/** The plots of one workload; "" when there is nothing to draw. */
export function workloadPlots(summaries: readonly Summary[], classes: Classes): string {
  const isDisturbed = summaries.some(({ typical }) => typical.result.bands !== undefined);
  const latency = latencyPlot(summaries, classes);
  if (isDisturbed) {
    return grid(latency) + BANDS_NOTE + grid(disturbedPlots(summaries, classes), " pairs");
  }
  return grid(latency + timelinePlot(summaries, classes));
}

const BANDS_NOTE =
  `<p class="dim">Left of the dashed line nothing disturbed the puts; right of it, the bands show ` +
  `when a compaction or defragmentation was under way. The latency above is that of the right ` +
  `half.</p>`;

function grid(figures: string, more = ""): string {
  return figures === "" ? "" : `<div class="plots${more}">${figures}</div>`;
}

/** Percentiles on an axis where each further nine is as far: 90, 99, 99.9, 99.99 %. */
function latencyPlot(summaries: readonly Summary[], classes: Classes): string {
  const shown = summaries.filter(
    (summary) => summary.typical.result.latency.count >= CURVE_SAMPLES_MIN,
  );
  if (shown.length === 0) return "";
  const beyond = (fraction: number): number => 1 / Math.max(1e-4, 1 - fraction);
  const lines = shown.map(({ target, typical }) =>
    lineOf(
      target,
      classes,
      typical.result.curve.map(
        ({ fraction, latencyUs }) => [beyond(fraction), Math.max(1, latencyUs)] as const,
      ),
    ),
  );
  const all = lines.flatMap((line) => line.points.map(([, us]) => us));
  const percent = (value: number): string => `${Number(((1 - 1 / value) * 100).toFixed(3))} %`;
  const x = logAxis({ least: 1, most: 1e4 }, "share of the calls that took at most", percent);
  const bounds = { least: Math.min(...all), most: Math.max(...all) };
  const y = logAxis(bounds, "latency (logarithmic)", formatLatency);
  return figure("Latency", svgPlot({ lines, x, y }));
}

function timelinePlot(summaries: readonly Summary[], classes: Classes): string {
  const shown = summaries.filter(({ typical }) => typical.result.timeline.length > 1);
  if (shown.length === 0) return "";
  const lines = shown.map(({ target, typical }) =>
    lineOf(
      target,
      classes,
      over(typical.result.timeline, (point) => point.ratePerSecond),
    ),
  );
  const unit = shown[0]!.typical.result.unit === "events" ? "puts" : "requests";
  const y = linearAxis(most(lines), `${unit} a second`, compact);
  return figure("Rate over time", svgPlot({ lines, x: secondsAxis(lines), y }));
}

const SMALL_HEIGHT = 190;

/**
 * For each target the rate and the p99 over time, all on one scale; what disturbed it stands behind
 * as bands, and a dashed line where the disturbing began.
 */
function disturbedPlots(summaries: readonly Summary[], classes: Classes): string {
  const shown = summaries.filter(({ typical }) => typical.result.timeline.length > 1);
  const pick = (of: (point: TimelinePoint) => number) =>
    shown.map(({ target, typical }) => lineOf(target, classes, over(typical.result.timeline, of)));
  const rates = pick((point) => point.ratePerSecond);
  const p99s = pick((point) => Math.max(1, point.p99Us));
  if (rates.length === 0) return "";
  const x = secondsAxis(rates);
  const rateAxis = linearAxis(most(rates), "puts a second", compact);
  const latencies = p99s.flatMap(({ points }) => points.map(([, us]) => us)).filter((us) => us > 1);
  const bounds = { least: Math.min(...latencies), most: Math.max(...latencies) };
  const latencyAxis = logAxis(bounds, "p99 (logarithmic)", formatLatency);
  return shown
    .map(({ target, typical }, i) => {
      const bands = (typical.result.bands ?? []).map(({ fromMs, toMs }) => ({
        ...{ from: fromMs / 1000, to: toMs / 1000 },
      }));
      const common = { x, bands, mark: typical.result.seconds, height: SMALL_HEIGHT };
      const points = p99s[i]!.points.filter(([, us]) => us > 1);
      return (
        figure(`${target}: rate`, svgPlot({ ...common, lines: [rates[i]!], y: rateAxis })) +
        figure(
          `${target}: p99`,
          svgPlot({ ...common, lines: [{ ...p99s[i]!, points }], y: latencyAxis }),
        )
      );
    })
    .join("");
}

function lineOf(target: string, classes: Classes, points: Line["points"]): Line {
  return { series: classes.get(target) ?? "", label: target, points };
}

function over(
  timeline: readonly TimelinePoint[],
  of: (point: TimelinePoint) => number,
): Line["points"] {
  const group = Math.ceil(timeline.length / POINTS_MAX);
  const points: [x: number, y: number][] = [];
  for (let i = 0; i < timeline.length; i += group) {
    const part = timeline.slice(i, i + group);
    const sum = part.reduce((total, point) => total + of(point), 0);
    points.push([part[0]!.atMs / 1000, sum / part.length]);
  }
  return points;
}

/** More points than this are drawn as their means, or a line turns into an area. */
const POINTS_MAX = 100;

function most(lines: readonly Line[]): number {
  return Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y)));
}

function secondsAxis(lines: readonly Line[]) {
  const last = Math.max(...lines.flatMap(({ points }) => points.map(([x]) => x)));
  return linearAxis(last, "seconds", compact);
}
