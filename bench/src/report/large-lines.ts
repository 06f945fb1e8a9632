import type { Comparison, RunRecord } from "../compare/run-record.js";
import { median, pairedRatio } from "../compare/statistics.js";
import type { LatencySummary } from "../load/latency-histogram.js";
import { formatBytes, formatLatency, formatNumber, formatRatio } from "./format.js";
import { runsOf } from "./summary.js";

/** One figure of the table of a large store, for every target. */
export interface LargeLine {
  readonly label: string;
  /** Whether a ratio to the reference below 1 is good. */
  readonly isLessBetter: boolean;
  readonly cells: readonly LargeCell[];
}

export interface LargeCell {
  readonly target: string;
  readonly isReference: boolean;
  /** "-" where nothing was measured. */
  readonly text: string;
  /** To the reference; undefined for the reference, and for figures that are ratios themselves. */
  readonly ratio: number | undefined;
}

interface Figure {
  readonly label: string;
  readonly workload: string;
  readonly of: (run: RunRecord) => number | undefined;
  readonly format: (value: number) => string;
  readonly isLessBetter?: false;
  /** A ratio already: that of another server says nothing about it. */
  readonly isShare?: true;
}

const milliseconds = (ms: number): string => formatLatency(ms * 1000);
const perSecond = (rate: number): string => `${formatNumber(rate)}/s`;
const percent = (share: number): string => `${formatNumber(share * 100)} %`;
const figure =
  (name: string) =>
  (run: RunRecord): number | undefined =>
    run.result.figures[name];

/** Undefined where no call was answered. */
const latency =
  (pick: (latency: LatencySummary) => number) =>
  ({ result }: RunRecord): number | undefined =>
    result.latency.count === 0 ? undefined : pick(result.latency);

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
    of: figure("readyMs"),
  },
  {
    ...{ label: "resident memory after the restart", workload: "restart", format: formatBytes },
    of: (run) => run.rssBytes,
  },
  {
    ...{ label: "snapshot save", workload: "snapshot-save", format: milliseconds },
    of: figure("tookMs"),
  },
  {
    ...{ label: "size of the snapshot", workload: "snapshot-save", format: formatBytes },
    of: figure("snapshotBytes"),
  },
  {
    ...{ label: "put rate", workload: "put-compacting", format: perSecond, isLessBetter: false },
    of: figure("undisturbedPerSecond"),
  },
  {
    ...{ label: "put rate during compaction", workload: "put-compacting", format: perSecond },
    ...{ isLessBetter: false, of: (run) => run.result.ratePerSecond },
  },
  {
    ...{ label: "share of the rate without", workload: "put-compacting", format: percent },
    ...{ isLessBetter: false, isShare: true, of: figure("rateShare") },
  },
  {
    ...{ label: "put p99 at a steady rate", workload: "put-defragmenting", format: formatLatency },
    of: figure("undisturbedP99Us"),
  },
  {
    ...{ label: "put p99 during defragmentation", workload: "put-defragmenting" },
    ...{ format: formatLatency, of: latency(({ p99Us }) => p99Us) },
  },
  {
    ...{ label: "times the p99 without", workload: "put-defragmenting", format: formatRatio },
    ...{ isShare: true, of: figure("p99Ratio") },
  },
  {
    ...{ label: "longest put during defragmentation", workload: "put-defragmenting" },
    ...{ format: formatLatency, of: latency(({ maxUs }) => maxUs) },
  },
];

/** The table of a large store, a line a figure; medians over the rounds. */
export function largeLines(comparison: Comparison): LargeLine[] {
  const reference = comparison.targets.find(({ isReference }) => isReference)?.name;
  return FIGURES.map(({ label, workload, of, format, isLessBetter, isShare }) => {
    const valuesOf = (target: string): number[] =>
      runsOf(comparison, workload, target).map((run) => of(run) ?? Number.NaN);
    const cells = comparison.targets.map(({ name, isReference }) => {
      const values = valuesOf(name);
      const value = median(values.filter((one) => !Number.isNaN(one)));
      const isHeld = !isReference && reference !== undefined && isShare !== true;
      const ratio = isHeld ? pairedRatio(values, valuesOf(reference)) : Number.NaN;
      return {
        ...{ target: name, isReference },
        text: Number.isFinite(value) ? format(value) : "-",
        ratio: Number.isFinite(ratio) ? ratio : undefined,
      };
    });
    return { label, isLessBetter: isLessBetter ?? true, cells };
  });
}
