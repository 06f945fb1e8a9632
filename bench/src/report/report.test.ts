import { describe, expect, it } from "vitest";
import type { Comparison, RunRecord } from "../compare/run-record.js";
import { median, pairedRatio, spread } from "../compare/statistics.js";
import { judge } from "../guard/judge.js";
import { LatencyHistogram } from "../load/latency-histogram.js";
import type { LoadResult } from "../load/load-result.js";
import { mergeResults } from "../load/merge-results.js";
import { formatBytes, formatLatency, formatNumber, formatRatio } from "./format.js";
import { renderGrowth } from "./growth-table.js";
import { joinReports } from "./join-reports.js";
import { largeLines } from "./large-lines.js";
import { renderLarge } from "./large-table.js";
import { linearAxis, logAxis } from "./page/axis.js";
import { renderHtml } from "./page/html-page.js";
import { readmeText } from "./readme-text.js";
import { summarize } from "./summary.js";
import { renderTable } from "./table.js";

function result(ratePerSecond: number, errors: Record<string, number> = {}): LoadResult {
  const histogram = new LatencyHistogram();
  for (let i = 1; i <= 1000; i++) histogram.record(i / 100);
  return {
    ...{
      unit: "requests",
      ratePerSecond,
      count: ratePerSecond,
      seconds: 1,
      total: ratePerSecond,
      writes: 0,
      errors,
    },
    latency: histogram.summary(),
    curve: histogram.curve(),
    timeline: [0, 100, 200].map((atMs) => ({ atMs, ratePerSecond, p50Us: 1, p99Us: 2 })),
    figures: { stallsPerRun: 2 },
    histogram: histogram.toText(),
  };
}

function run(target: string, round: number, rate: number, errors = {}): RunRecord {
  return {
    ...{ workload: "put", target, round, result: result(rate, errors), cpuSeconds: 1 },
    ...{ rssBytes: 1e8, generatorCpuSeconds: 0.1, writeAmplification: 2, diskBytes: 1e7 },
  };
}

function comparison(runs: readonly RunRecord[]): Comparison {
  return {
    startedAt: "2026-01-01T00:00:00.000Z",
    machine: { processor: "2 x <Fast & Small>" },
    options: { rounds: 3 },
    targets: [
      { name: "etcd", isReference: true },
      { name: "kvorum lmdb", isReference: false },
    ],
    workloads: [{ name: "put", title: "put" }],
    runs,
    failures: [],
  };
}

/** A machine that slows down all along: the pairs agree where the rates do not. */
const SLOWING = comparison([
  ...[1000, 500, 100].map((rate, round) => run("etcd", round, rate)),
  ...[3000, 1500, 400].map((rate, round) => run("kvorum lmdb", round, rate)),
]);

/** At 10 and at 1,000 keys. */
const GROWING: Comparison = {
  ...comparison(
    [10, 1000].flatMap((keys, i) =>
      ["etcd", "kvorum lmdb"].map((target, j) => ({
        ...{ ...run(target, 0, (1000 * (j + 1)) / (i + 1)), workload: `put@${keys}` },
      })),
    ),
  ),
  kind: "growth",
  workloads: [10, 1000].map((value) => ({
    ...{ name: `put@${value}`, title: "put", point: { axis: "keys", value, curve: "put" } },
  })),
};

const LARGE: Comparison = {
  ...comparison(
    ["etcd", "kvorum lmdb"].map((target, j) => ({
      ...{ ...run(target, 0, 1000), workload: "fill", rssBytes: 1e8 * (j + 1) },
    })),
  ),
  ...{ kind: "large", options: { rounds: 1, keys: 1000, valueBytes: 256, secondsPerRun: 1 } },
  workloads: [{ name: "fill", title: "fill" }],
};

describe("statistics", () => {
  it("medians, spreads and ratios", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(spread([80, 100, 120])).toBeCloseTo(0.4);
    expect(pairedRatio([3000, 1500, 400], [1000, 500, 100])).toBe(3);
    expect(pairedRatio([10, 20], [0, 10])).toBe(2);
  });

  it("summarizes the rounds of a target", () => {
    const summary = summarize(SLOWING, "put", "kvorum lmdb");
    expect(summary).toMatchObject({ ratePerSecond: 1500, rateMin: 400, rateMax: 3000, ratio: 3 });
    expect(summary?.typical.round).toBe(1);
    expect(summarize(SLOWING, "put", "nobody")).toBeUndefined();
  });

  it("merges what several processes measured", () => {
    const merged = mergeResults([result(1000, { late: 1 }), result(500, { late: 2, odd: 1 })]);
    expect(merged).toMatchObject({ ratePerSecond: 1500, errors: { late: 3, odd: 1 } });
    expect(merged.latency.count).toBe(2000);
    expect(merged.timeline[1]?.ratePerSecond).toBe(1500);
  });
});

describe("the guard", () => {
  const ratios = { put: { "kvorum lmdb": 3 } };
  const failed = (rates: readonly number[], errors = {}): boolean => {
    const etcd = [0, 1, 2].map((round) => run("etcd", round, 1000));
    const ours = rates.map((rate, round) => run("kvorum lmdb", round, rate, errors));
    return judge(comparison([...etcd, ...ours]), ratios)[0]!.hasFailed;
  };

  it("fails on a loss of more than 15 % in two of three rounds", () => {
    expect(failed([3000, 3000, 3000])).toBe(false);
    expect(failed([2560, 2560, 2560])).toBe(false);
    expect(failed([2000, 3000, 3000])).toBe(false);
    expect(failed([2000, 2500, 3000])).toBe(true);
  });

  it("counts runs that are missing or went wrong as lost", () => {
    expect(failed([3000])).toBe(true);
    expect(failed([3000, 3000])).toBe(false);
    expect(failed([3000, 3000, 3000], { "a wrong reply": 1 })).toBe(true);
  });
});

describe("the report", () => {
  it("is a page that stands by itself, with every text escaped", () => {
    const html = renderHtml(SLOWING);
    expect(html).toContain("<svg");
    expect(html).toContain("3.00x");
    expect(html).toContain("2 x &#60;Fast &#38; Small&#62;");
    expect(html).not.toMatch(/(src|href)="(?!#)|url\(|@import|<script/);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  it.each([
    ["a comparison", SLOWING],
    ["growth", GROWING],
    ["a large store", LARGE],
  ])("closes every element that it opens: %s", (_, report) => {
    const open: string[] = [];
    for (const [, slash, name, rest] of renderHtml(report).matchAll(/<(\/?)(\w+)([^>]*)>/g)) {
      if (name === "meta" || rest?.endsWith("/")) continue;
      if (slash === "") open.push(name!);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it("draws growth as curves, and writes it as tables", () => {
    expect(renderHtml(GROWING)).toContain("put rate over keys");
    expect(renderHtml(GROWING).match(/<circle/g)).toHaveLength(2 * 2 * 2);
    const [head, , etcd] = renderGrowth(GROWING).split("\n").slice(1);
    expect(head).toMatch(/put rate over keys .* 10 .* 1,000/);
    expect(etcd).toMatch(/etcd .* 1,000 .* 500/);
  });

  it("holds a large store against the reference", () => {
    const memory = largeLines(LARGE).find(({ label }) => label.includes("after the fill"))!;
    expect(memory.cells.map(({ ratio }) => ratio)).toEqual([undefined, 2]);
    expect(renderLarge(LARGE)).toContain("191 MiB (2.00x)");
    expect(renderHtml(LARGE)).toContain("1,000 keys");
  });

  it("writes the README's table, with what the reference is better at and with errors", () => {
    const text = readmeText([SLOWING, LARGE]);
    expect(text).toContain("| work | etcd | lmdb |");
    expect(text).toContain("| put | 500 | 1,500 (3.00x) |");
    expect(text).toContain("etcd is ahead of every engine in: resident memory after the fill");
    expect(text).not.toContain("Errors");
    const wrong = comparison([run("etcd", 0, 10), run("kvorum lmdb", 0, 20, { odd: 7 })]);
    expect(readmeText([wrong])).toContain("no rate counts: kvorum lmdb: put: odd (7 times)");
  });

  it("makes one table of reports of the same measurement", () => {
    const first = comparison([run("etcd", 0, 100), run("kvorum lmdb", 0, 200)]);
    const second = comparison([run("etcd", 0, 300), run("kvorum lmdb", 0, 1200)]);
    const [joined, more] = joinReports([first, second]);
    expect(more).toBeUndefined();
    expect(summarize(joined!, "put", "kvorum lmdb")).toMatchObject({
      ...{ ratePerSecond: 700, ratio: 3 },
    });
    expect(readmeText([first, second])).toContain("Medians of 6 interleaved rounds in 2 runs");
    expect(joinReports([first, LARGE])).toEqual([first, LARGE]);
    const other = { ...second, options: { ...second.options, keys: 7 } };
    expect(joinReports([first, other])).toEqual([first, other]);
  });

  it("says nothing of a run in which no call was answered", () => {
    const none = { ...result(0), latency: new LatencyHistogram().summary() };
    const silent = comparison([{ ...run("kvorum lmdb", 0, 0), result: none }]);
    expect(summarize(silent, "put", "kvorum lmdb")!.p99Us).toBeNaN();
    expect(renderTable(silent)).not.toContain("0 us");
  });

  it("shows errors, on the page and in the table", () => {
    const wrong = comparison([run("etcd", 0, 10), run("kvorum lmdb", 0, 20, { "<odd>": 7 })]);
    expect(renderHtml(wrong)).toContain("&#60;odd&#62; (7 times)");
    expect(renderTable(wrong)).toMatch(/kvorum lmdb.* 7 /);
  });

  it("leaves columns out of the table where the terminal is narrow", () => {
    const widest = (text: string): number =>
      Math.max(...text.split("\n").map((line) => line.length));
    expect(renderTable(SLOWING)).toContain("client CPU s");
    const narrow = renderTable(SLOWING, 80);
    expect(widest(narrow)).toBeLessThanOrEqual(80);
    expect(narrow).toContain("errors");
  });

  it("writes numbers as people read them", () => {
    expect([0.1234, 12.345, 1234.5, 987_654, Number.NaN].map(formatNumber)).toEqual([
      ...["0.123", "12.3", "1,230", "988,000", "-"],
    ]);
    expect([12, 1500, 2_500_000].map(formatLatency)).toEqual(["12 us", "1.5 ms", "2.5 s"]);
    expect([100, 2048, 5e7, 3e10].map(formatBytes)).toEqual([
      "100 B",
      "2.0 KiB",
      "48 MiB",
      "28 GiB",
    ]);
    const ratios = [1.234, 0.00149, 544.35, undefined].map(formatRatio);
    expect(ratios).toEqual(["1.23x", "0.001x", "544x", "-"]);
  });

  it("puts round numbers on axes", () => {
    const ticks = linearAxis(4321, "", String).ticks.map(({ value }) => value);
    expect(ticks).toEqual([0, 2000, 4000, 6000]);
    const axis = logAxis({ least: 3, most: 2000 }, "", String);
    expect(axis.ticks.map(({ value }) => value)).toEqual([1, 10, 100, 1000, 10_000]);
    expect(axis.place(100)).toBeCloseTo(0.5);
  });
});
