import type { LoadResult } from "../load/load-result.js";

/** One run of one workload on one target, with what it cost the server. */
export interface RunRecord {
  readonly workload: string;
  readonly target: string;
  /** Counts from 0; the runs of one round of a workload were made one after the other. */
  readonly round: number;
  readonly result: LoadResult;
  /** Undefined where the system does not tell. */
  readonly cpuSeconds: number | undefined;
  readonly rssBytes: number | undefined;
  /** The most that the process ever had, each member's own peak added up. */
  readonly rssPeakBytes?: number | undefined;
  /** Only of a cluster, whose other figures are sums over its members. */
  readonly leaderCpuSeconds?: number | undefined;
  readonly leaderRssBytes?: number | undefined;
  /** What the load generator itself used, so that a reader sees whether it was the limit. */
  readonly generatorCpuSeconds: number;
  /** Bytes sent to the disk for each byte of keys and values put; undefined where nothing was. */
  readonly writeAmplification: number | undefined;
  /** All of the data directory. */
  readonly diskBytes: number;
  /** The data directory without the write-ahead log. */
  readonly storeBytes?: number;
}

/** A run that could not be made, with the reason. */
export interface FailedRun {
  readonly workload: string;
  readonly target: string;
  readonly round: number;
  readonly reason: string;
}

export interface ReportedTarget {
  readonly name: string;
  /** What the others are held against. */
  readonly isReference: boolean;
  readonly version?: string;
  /** How it was started, one line for each number of members. */
  readonly commandLines?: readonly string[];
}

/** A row of the report: a workload in one setting. */
export interface ReportedWorkload {
  readonly name: string;
  readonly title: string;
  /** Heading under which a report shows it. */
  readonly family?: string;
  /** Set where it is one point of a curve. */
  readonly point?: CurvePosition;
}

/** One point of a curve over a quantity that grows. */
export interface CurvePosition {
  /** What is on the x axis: "keys" or "connections". */
  readonly axis: string;
  readonly value: number;
  /** Points of one curve share it: "put". */
  readonly curve: string;
}

export type ReportKind = "compare" | "growth" | "large";

export interface Comparison {
  /** What was asked for; a comparison unless given. */
  readonly kind?: ReportKind;
  /** The command line that made it. */
  readonly command?: string;
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string | number>>;
  readonly targets: readonly ReportedTarget[];
  readonly workloads: readonly ReportedWorkload[];
  readonly runs: readonly RunRecord[];
  readonly failures: readonly FailedRun[];
}
