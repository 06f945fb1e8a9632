import type { Comparison, RunRecord } from "../compare/run-record.js";
import { median, pairedRatio, spread } from "../compare/statistics.js";
import type { LatencySummary } from "../load/latency-histogram.js";

/** One workload on one target over all rounds: what every form of the report shows. */
export interface Summary {
  readonly workload: string;
  readonly target: string;
  readonly unit: string;
  readonly ratePerSecond: number;
  readonly rateMin: number;
  readonly rateMax: number;
  /** (max - min) / median. */
  readonly spread: number;
  /** To the reference, pairwise by round; undefined without one. */
  readonly ratio: number | undefined;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly cpuSeconds: number;
  /** Server CPU for each thing counted. */
  readonly cpuUsPerOperation: number;
  readonly generatorCpuSeconds: number;
  readonly rssBytes: number;
  readonly rssPeakBytes: number;
  /** Of a cluster's leader alone; NaN of one process. */
  readonly leaderRssBytes: number;
  readonly leaderCpuUsPerOperation: number;
  readonly diskBytes: number;
  /** Without the write-ahead log. */
  readonly storeBytes: number;
  readonly writeAmplification: number;
  readonly errors: number;
  readonly figures: Readonly<Record<string, number>>;
  /** The run whose rate is nearest to the median, for curves and timelines. */
  readonly typical: RunRecord;
}

/** Undefined where no run succeeded. */
export function summarize(
  comparison: Pick<Comparison, "runs" | "failures" | "targets">,
  workload: string,
  target: string,
): Summary | undefined {
  const runs = runsOf(comparison, workload, target);
  const [first] = runs;
  if (first === undefined) return undefined;
  const of = (pick: (run: RunRecord) => number | undefined): number =>
    median(runs.map((run) => pick(run) ?? Number.NaN).filter((value) => !Number.isNaN(value)));
  const latency = (pick: (latency: LatencySummary) => number): number =>
    of(({ result }) => (result.latency.count === 0 ? undefined : pick(result.latency)));
  const rates = runs.map((run) => run.result.ratePerSecond);
  const ratePerSecond = median(rates);
  const far = (run: RunRecord): number => Math.abs(run.result.ratePerSecond - ratePerSecond);
  return {
    ...{ workload, target, unit: first.result.unit, ratePerSecond, spread: spread(rates) },
    rateMin: Math.min(...rates),
    rateMax: Math.max(...rates),
    ratio: ratioToReference(comparison, workload, runs),
    p50Us: latency(({ p50Us }) => p50Us),
    p99Us: latency(({ p99Us }) => p99Us),
    p999Us: latency(({ p999Us }) => p999Us),
    cpuSeconds: of((run) => run.cpuSeconds),
    cpuUsPerOperation: of((run) => cpuUsPerOperation(run, run.cpuSeconds)),
    generatorCpuSeconds: of((run) => run.generatorCpuSeconds),
    rssBytes: of((run) => run.rssBytes),
    rssPeakBytes: of((run) => run.rssPeakBytes),
    leaderRssBytes: of((run) => run.leaderRssBytes),
    leaderCpuUsPerOperation: of((run) => cpuUsPerOperation(run, run.leaderCpuSeconds)),
    diskBytes: of((run) => run.diskBytes),
    storeBytes: of((run) => run.storeBytes),
    writeAmplification: of((run) => run.writeAmplification),
    errors: errorsOf(runs) + failuresOf(comparison, workload, target),
    figures: mergeFigures(runs),
    typical: runs.reduce((best, run) => (far(run) < far(best) ? run : best)),
  };
}

export function runsOf(
  { runs }: Pick<Comparison, "runs">,
  workload: string,
  target: string,
): RunRecord[] {
  return runs
    .filter((run) => run.workload === workload && run.target === target)
    .sort((a, b) => a.round - b.round);
}

export function failuresOf(
  { failures }: Pick<Comparison, "failures">,
  workload: string,
  target: string,
): number {
  return failures.filter((run) => run.workload === workload && run.target === target).length;
}

function ratioToReference(
  comparison: Pick<Comparison, "runs" | "targets">,
  workload: string,
  runs: readonly RunRecord[],
): number | undefined {
  const reference = comparison.targets.find((target) => target.isReference);
  if (reference === undefined) return undefined;
  const against = runsOf(comparison, workload, reference.name);
  const pairs = runs.flatMap((run) => {
    const other = against.find((candidate) => candidate.round === run.round);
    return other === undefined ? [] : [{ run, other }];
  });
  const ratio = pairedRatio(
    pairs.map(({ run }) => run.result.ratePerSecond),
    pairs.map(({ other }) => other.result.ratePerSecond),
  );
  return Number.isNaN(ratio) ? undefined : ratio;
}

/** The CPU time covers the warm-up too, and so does the total. */
function cpuUsPerOperation(
  { result }: RunRecord,
  cpuSeconds: number | undefined,
): number | undefined {
  return cpuSeconds === undefined || result.total === 0
    ? undefined
    : (cpuSeconds * 1e6) / result.total;
}

function errorsOf(runs: readonly RunRecord[]): number {
  let sum = 0;
  for (const run of runs) for (const times of Object.values(run.result.errors)) sum += times;
  return sum;
}

function mergeFigures(runs: readonly RunRecord[]): Record<string, number> {
  const names = Object.keys(runs[0]!.result.figures);
  return Object.fromEntries(
    names.map((name) => [name, median(runs.map((run) => run.result.figures[name] ?? Number.NaN))]),
  );
}
