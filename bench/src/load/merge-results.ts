import { LatencyHistogram } from "./latency-histogram.js";
import type { LoadResult } from "./load-result.js";
import type { TimelinePoint } from "./tally.js";

/** What several processes measured at one time, as one result; at least one. */
export function mergeResults(results: readonly LoadResult[]): LoadResult {
  const histogram = new LatencyHistogram();
  const errors: Record<string, number> = {};
  for (const result of results) {
    histogram.addText(result.histogram);
    for (const [what, times] of Object.entries(result.errors)) {
      errors[what] = (errors[what] ?? 0) + times;
    }
  }
  const sum = (pick: (result: LoadResult) => number): number =>
    results.reduce((total, result) => total + pick(result), 0);
  // All began at a time, so that the longest lasted as long as all together.
  const seconds = Math.max(...results.map((result) => result.seconds));
  const count = sum((result) => result.count);
  return {
    ...results[0]!,
    ...{ seconds, count, ratePerSecond: count / seconds },
    total: sum((result) => result.total),
    writes: sum((result) => result.writes),
    errors,
    processesCpuSeconds: sum((result) => result.processesCpuSeconds ?? 0),
    figures: mergeFigures(results.map((result) => result.figures)),
    latency: histogram.summary(),
    curve: histogram.curve(),
    timeline: mergeTimelines(results.map((result) => result.timeline)),
    histogram: histogram.toText(),
  };
}

/** Of figures only rates add up; of others the largest stands. */
function mergeFigures(all: readonly LoadResult["figures"][]): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const figures of all) {
    for (const [name, value] of Object.entries(figures)) {
      const before = merged[name] ?? 0;
      merged[name] = name.endsWith("PerSecond") ? before + value : Math.max(before, value);
    }
  }
  return merged;
}

/** Rates add up; of latencies the worst stands, since percentiles of parts can't be added. */
function mergeTimelines(timelines: readonly (readonly TimelinePoint[])[]): TimelinePoint[] {
  const [first = [], ...others] = timelines;
  return first.map((point, i) => {
    const all = [point, ...others.flatMap((timeline) => timeline[i] ?? [])];
    return {
      atMs: point.atMs,
      ratePerSecond: all.reduce((total, part) => total + part.ratePerSecond, 0),
      p50Us: Math.max(...all.map((part) => part.p50Us)),
      p99Us: Math.max(...all.map((part) => part.p99Us)),
    };
  });
}
