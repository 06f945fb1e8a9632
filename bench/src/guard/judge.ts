import type { Comparison } from "../compare/run-record.js";
import { runsOf } from "../report/summary.js";

/** The checked-in ratios: workload, then target, to the reference. */
export type GuardRatios = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** A loss beyond this part of the checked-in ratio is one too much. */
export const LOSS_MAX = 0.15;
/** Of the rounds, so many must show the loss, so that one disturbed run fails nothing. */
const ROUNDS_TO_FAIL = 2;

export interface Verdict {
  readonly workload: string;
  readonly target: string;
  readonly expected: number;
  /** By round. */
  readonly ratios: readonly number[];
  readonly hasFailed: boolean;
}

/** Holds each round's ratio to the reference against the checked-in one. */
export function judge(comparison: Comparison, ratios: GuardRatios): Verdict[] {
  return Object.entries(ratios).flatMap(([workload, targets]) =>
    Object.entries(targets).map(([target, expected]) => {
      const measured = ratiosByRound(comparison, workload, target);
      const losses = measured.filter((ratio) => !(ratio >= expected * (1 - LOSS_MAX)));
      // A round without a ratio (a run that failed) counts as lost.
      const missing = (comparison.options.rounds as number) - measured.length;
      const hasFailed = losses.length + missing >= ROUNDS_TO_FAIL;
      return { workload, target, expected, ratios: measured, hasFailed };
    }),
  );
}

/** The ratios of the rounds in which both the target and the reference ran cleanly. */
export function ratiosByRound(comparison: Comparison, workload: string, target: string): number[] {
  const reference = comparison.targets.find((candidate) => candidate.isReference);
  const against = runsOf(comparison, workload, reference?.name ?? "");
  return runsOf(comparison, workload, target).flatMap((run) => {
    const other = against.find((candidate) => candidate.round === run.round);
    const isClean = Object.keys(run.result.errors).length === 0;
    if (other === undefined || !isClean || other.result.ratePerSecond === 0) return [];
    return [run.result.ratePerSecond / other.result.ratePerSecond];
  });
}
