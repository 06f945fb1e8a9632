import type { Comparison } from "../compare/run-record.js";
import { type Figure, type FigureLine, figureLine, figureOf, latencyOf } from "./figure-cells.js";
import { formatBytes, formatLatency, formatNumber, formatRatio } from "./format.js";

const milliseconds = (ms: number): string => formatLatency(ms * 1000);
const perSecond = (rate: number): string => `${formatNumber(rate)}/s`;
const percent = (share: number): string => `${formatNumber(share * 100)} %`;

const FIGURES: readonly Figure[] = [
  {
    ...{ label: "fill, one put a key", workload: "fill", format: perSecond, isLessBetter: false },
    of: (run) => run.result.ratePerSecond,
  },
  {
    ...{ label: "resident memory after the fill", workload: "fill", format: formatBytes },
    of: (run) => run.rssBytes,
  },
  {
    ...{ label: "resident memory, peak of the fill", workload: "fill", format: formatBytes },
    of: (run) => run.rssPeakBytes,
  },
  {
    ...{ label: "store on disk", workload: "fill", format: formatBytes },
    of: (run) => run.storeBytes,
  },
  {
    ...{ label: "restart to the first answer", workload: "restart", format: milliseconds },
    of: figureOf("readyMs"),
  },
  {
    ...{ label: "resident memory after the restart", workload: "restart", format: formatBytes },
    of: (run) => run.rssBytes,
  },
  {
    ...{ label: "snapshot save", workload: "snapshot-save", format: milliseconds },
    of: figureOf("tookMs"),
  },
  {
    ...{ label: "size of the snapshot", workload: "snapshot-save", format: formatBytes },
    of: figureOf("snapshotBytes"),
  },
  {
    ...{ label: "put rate", workload: "put-compacting", format: perSecond, isLessBetter: false },
    of: figureOf("undisturbedPerSecond"),
  },
  {
    ...{ label: "put rate during compaction", workload: "put-compacting", format: perSecond },
    ...{ isLessBetter: false, of: (run) => run.result.ratePerSecond },
  },
  {
    ...{ label: "share of the rate without", workload: "put-compacting", format: percent },
    ...{ isLessBetter: false, isShare: true, of: figureOf("rateShare") },
  },
  {
    ...{ label: "put p99 at a steady rate", workload: "put-defragmenting", format: formatLatency },
    of: figureOf("undisturbedP99Us"),
  },
  {
    ...{ label: "put p99 during defragmentation", workload: "put-defragmenting" },
    ...{ format: formatLatency, of: latencyOf(({ p99Us }) => p99Us) },
  },
  {
    ...{ label: "times the p99 without", workload: "put-defragmenting", format: formatRatio },
    ...{ isShare: true, of: figureOf("p99Ratio") },
  },
  {
    ...{ label: "longest put during defragmentation", workload: "put-defragmenting" },
    ...{ format: formatLatency, of: latencyOf(({ maxUs }) => maxUs) },
  },
];

/** The table of a large store, a line a figure; medians over the rounds. */
export function largeLines(comparison: Comparison): FigureLine[] {
  return FIGURES.map((figure) => figureLine(comparison, figure));
}
