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
  /** What the load generator itself used, so that a reader sees whether it was the limit. */
  readonly generatorCpuSeconds: number;
  /** Bytes sent to the disk for each byte of keys and values put; undefined where nothing was. */
  readonly writeAmplification: number | undefined;
  readonly diskBytes: number;
}

/** A run that could not be made, with the reason. */
export interface FailedRun {
  readonly workload: string;
  readonly target: string;
  readonly round: number;
  readonly reason: string;
}

export interface Comparison {
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string | number>>;
  readonly targets: readonly { readonly name: string; readonly isReference: boolean }[];
  readonly workloads: readonly { readonly name: string; readonly title: string }[];
  readonly runs: readonly RunRecord[];
  readonly failures: readonly FailedRun[];
}
