import type { Comparison } from "../compare/run-record.js";

/**
 * Reports of the same measurement, made at different times, become one with the rounds of all: its
 * medians are over every round, its spread shows how the times differ. A round stays one round,
 * whose runs are held against each other. Other reports stay as they are, in the order given.
 */
export function joinReports(reports: readonly Comparison[]): Comparison[] {
  const joined = new Map<string, Comparison>();
  for (const report of reports) {
    const identity = identityOf(report);
    const before = joined.get(identity);
    joined.set(identity, before === undefined ? report : join(before, report));
  }
  return [...joined.values()];
}

/** What was measured of what; not how often, when and how long. */
function identityOf({ kind, machine, options, targets, workloads }: Comparison): string {
  const { rounds: _, tookSeconds: __, runs: ___, ...asked } = options;
  const servers = targets.map(({ name, version, isReference }) => [name, version, isReference]);
  return JSON.stringify([kind, machine, asked, servers, workloads.map(({ name }) => name)]);
}

function join(first: Comparison, second: Comparison): Comparison {
  const rounds = Number(first.options.rounds);
  const later = <T extends { readonly round: number }>(runs: readonly T[]): T[] =>
    runs.map((run) => ({ ...run, round: run.round + rounds }));
  const sum = (name: string): number =>
    Number(first.options[name] ?? 0) + Number(second.options[name] ?? 0);
  const options = { rounds: sum("rounds"), tookSeconds: sum("tookSeconds") };
  const runs = Number(first.options.runs ?? 1) + Number(second.options.runs ?? 1);
  return {
    ...first,
    options: { ...first.options, ...options, runs },
    runs: [...first.runs, ...later(second.runs)],
    failures: [...first.failures, ...later(second.failures)],
  };
}
