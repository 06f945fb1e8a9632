import type { Comparison } from "../compare/run-record.js";
import { formatBytes, formatLatency, formatNumber } from "./format.js";
import { type Summary, summarize } from "./summary.js";

/** One quantity over one axis, a series for each target: what a table or a plot of growth shows. */
export interface GrowthPlot {
  readonly title: string;
  /** What grows: "keys" or "connections". */
  readonly axis: string;
  readonly quantity: "requests/s" | "p99" | "resident memory" | "bytes on disk";
  readonly format: (value: number) => string;
  readonly series: readonly GrowthSeries[];
}

export interface GrowthSeries {
  readonly target: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

interface Quantity {
  readonly curve: string;
  readonly title: string;
  readonly quantity: GrowthPlot["quantity"];
  readonly format: (value: number) => string;
  readonly of: (summary: Summary) => number;
}

const RATE = {
  ...{ quantity: "requests/s" as const, format: formatNumber },
  of: (summary: Summary) => summary.ratePerSecond,
};
const P99 = {
  ...{ quantity: "p99" as const, format: formatLatency },
  of: (summary: Summary) => summary.p99Us,
};

/** In the order of a report; those that were not measured are left out. */
const QUANTITIES: readonly Quantity[] = [
  { curve: "put", title: "put rate", ...RATE },
  { curve: "put", title: "put p99", ...P99 },
  { curve: "range", title: "range rate", ...RATE },
  { curve: "range", title: "range p99", ...P99 },
  {
    ...{ curve: "fill", title: "resident memory after the fill", quantity: "resident memory" },
    ...{ format: formatBytes, of: (s) => s.rssBytes },
  },
  {
    ...{ curve: "fill", title: "store on disk after the fill", quantity: "bytes on disk" },
    ...{ format: formatBytes, of: (s) => s.storeBytes },
  },
];

/** Every quantity over every axis of a growth report. */
export function growthPlots(comparison: Comparison): GrowthPlot[] {
  const points = comparison.workloads.flatMap(({ point }) => point ?? []);
  const axes = [...new Set(points.map(({ axis }) => axis))];
  return axes.flatMap((axis) =>
    QUANTITIES.flatMap((quantity) => {
      const series = comparison.targets
        .map(({ name }) => seriesOf(comparison, axis, quantity, name))
        .filter((one) => one.points.length > 0);
      const { title, quantity: unit, format } = quantity;
      return series.length === 0
        ? []
        : [{ title: `${title} over ${axis}`, axis, quantity: unit, format, series }];
    }),
  );
}

function seriesOf(
  comparison: Comparison,
  axis: string,
  { curve, of }: Quantity,
  target: string,
): GrowthSeries {
  const points = comparison.workloads.flatMap(({ name, point }) => {
    if (point?.axis !== axis || point.curve !== curve) return [];
    const summary = summarize(comparison, name, target);
    const value = summary === undefined ? Number.NaN : of(summary);
    return Number.isFinite(value) ? [[point.value, value] as const] : [];
  });
  return { target, points };
}
