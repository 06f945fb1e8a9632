import type { Comparison, RunRecord } from "../compare/run-record.js";
import { median, pairedRatio } from "../compare/statistics.js";
import type { LatencySummary } from "../load/latency-histogram.js";
import { formatRatio } from "./format.js";
import { runsOf } from "./summary.js";

/** A figure of the runs of one workload. */
export interface Figure {
  readonly label: string;
  readonly workload: string;
  /** Undefined where the run did not measure it. */
  readonly of: (run: RunRecord) => number | undefined;
  readonly format: (value: number) => string;
  /** False where more is better; less is, unless given. */
  readonly isLessBetter?: boolean;
  /** A ratio already: that of another server says nothing about it. */
  readonly isShare?: true;
}

/** A figure with what every target makes of it: a line of a table. */
export interface FigureLine {
  readonly label: string;
  readonly isLessBetter: boolean;
  readonly cells: readonly FigureCell[];
}

export interface FigureCell {
  readonly target: string;
  readonly isReference: boolean;
  /** "-" where nothing was measured. */
  readonly text: string;
  /** To the reference; undefined for the reference, and for figures that are ratios themselves. */
  readonly ratio: number | undefined;
}

/** Medians over the rounds; ratios within each round, before the median. */
export function figureLine(comparison: Comparison, figure: Figure): FigureLine {
  const { label, workload, of, format, isLessBetter = true, isShare } = figure;
  const { runs, targets } = comparison;
  const reference = targets.find(({ isReference }) => isReference)?.name;
  const valuesOf = (target: string, rounds?: ReadonlySet<number>): number[] =>
    runsOf({ runs }, workload, target)
      .filter(({ round }) => rounds?.has(round) ?? true)
      .map((run) => of(run) ?? Number.NaN);
  const roundsOf = (target: string): Set<number> =>
    new Set(runsOf({ runs }, workload, target).map(({ round }) => round));
  const cells = targets.map(({ name, isReference }) => {
    const value = median(valuesOf(name).filter((one) => Number.isFinite(one)));
    const isHeld = !isReference && reference !== undefined && isShare !== true;
    const ratio = isHeld
      ? pairedRatio(valuesOf(name, roundsOf(reference)), valuesOf(reference, roundsOf(name)))
      : Number.NaN;
    return {
      ...{ target: name, isReference },
      text: Number.isFinite(value) ? format(value) : "-",
      ratio: Number.isFinite(ratio) ? ratio : undefined,
    };
  });
  return { label, isLessBetter, cells };
}

/** "318 MiB (0.61x)". */
export function withRatio({ text, ratio }: FigureCell): string {
  return ratio === undefined ? text : `${text} (${formatRatio(ratio)})`;
}

/** A percentile of a run; undefined where no call was answered. */
export function latencyOf(
  pick: (latency: LatencySummary) => number,
): (run: RunRecord) => number | undefined {
  return ({ result }) => (result.latency.count === 0 ? undefined : pick(result.latency));
}

/** A further figure of a workload; undefined where it has none. */
export function figureOf(name: string): (run: RunRecord) => number | undefined {
  return (run) => run.result.figures[name];
}

/** Server CPU time for each thing counted; it covers the warm-up, and so does the total. */
export function cpuUsOf({ cpuSeconds, result }: RunRecord): number | undefined {
  return cpuSeconds === undefined || result.total === 0
    ? undefined
    : (cpuSeconds * 1e6) / result.total;
}
