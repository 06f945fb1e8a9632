import type { CurvePoint, LatencySummary } from "./latency-histogram.js";
import type { Tally, TimelinePoint } from "./tally.js";

/** What one run of one workload against one server measured. */
export interface LoadResult {
  /** What `ratePerSecond` counts: "requests", "events", "keys", "bytes", "restarts". */
  readonly unit: string;
  readonly ratePerSecond: number;
  /** Right replies (or events...) within the measured time. */
  readonly count: number;
  /** The same with those of the warm-up: what the server's CPU time is held against. */
  readonly total: number;
  readonly seconds: number;
  /** Writes that were answered, warm-up included; 0 where the workload does not count them. */
  readonly writes: number;
  /** Times by what was said; a run with any is no clean run. */
  readonly errors: Readonly<Record<string, number>>;
  readonly latency: LatencySummary;
  readonly curve: readonly CurvePoint[];
  readonly timeline: readonly TimelinePoint[];
  /** Further figures of the workload, by a name with its unit last. */
  readonly figures: Readonly<Record<string, number>>;
  /** Times that the workload set apart, such as those of its compactions. */
  readonly bands?: readonly Band[];
  /** CPU time of further generator processes, where there were some. */
  readonly processesCpuSeconds?: number;
  /** The whole histogram, as `LatencyHistogram.toText` writes it. */
  readonly histogram: string;
}

/** A stretch of the timeline. */
export interface Band {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The result of a load that counts requests. */
export function resultOf(
  tally: Tally,
  options: {
    readonly seconds: number;
    readonly untilMs: number;
    readonly unit?: string;
    readonly count?: number;
    readonly figures?: Readonly<Record<string, number>>;
  },
): LoadResult {
  const count = options.count ?? tally.latencies.count;
  return {
    unit: options.unit ?? "requests",
    ratePerSecond: count / options.seconds,
    count,
    total: Math.max(count, tally.total),
    seconds: options.seconds,
    writes: tally.writes,
    errors: Object.fromEntries(tally.errors),
    latency: tally.latencies.summary(),
    curve: tally.latencies.curve(),
    timeline: tally.timeline(options.untilMs),
    figures: options.figures ?? {},
    histogram: tally.latencies.toText(),
  };
}
