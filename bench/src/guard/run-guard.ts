import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BenchError } from "../bench-error.js";
import { withProgress } from "../commands/compare.js";
import { loadOptions, targetsOf } from "../commands/flag-values.js";
import type { CommandLine } from "../commands/flags.js";
import { runComparison } from "../compare/run-comparison.js";
import type { Comparison } from "../compare/run-record.js";
import { settingsOf } from "../compare/settings.js";
import { median } from "../compare/statistics.js";
import { formatRatio } from "../report/format.js";
import { renderFaults } from "../report/table.js";
import { findWorkloads } from "../workloads/catalogue.js";
import type { Workload } from "../workloads/workload.js";
import { type GuardRatios, judge, LOSS_MAX, ratiosByRound } from "./judge.js";

const GUARD_FILE = fileURLToPath(new URL("../../guard.json", import.meta.url));
const WORKLOADS = ["put", "range", "mixed", "txn-put"];
const ROUNDS = 3;
/** Of a run: longer than those of a quick comparison, since the ratios are kept. */
const SECONDS = 1.5;

/**
 * Compares a short run with the checked-in ratios to etcd, which hold on any machine far better
 * than rates do. Returns 1 when a ratio was lost in two of three rounds. @throws BenchError
 */
export async function runGuard({ flags, text }: CommandLine): Promise<number> {
  const targets = await targetsOf(flags);
  if (!targets.some((target) => target.isReference)) {
    throw new BenchError("USAGE", "the guard needs an etcd to compare with: --etcd PATH");
  }
  const workloads = findWorkloads(flags.workloads?.split(",") ?? WORKLOADS);
  const comparison = await withProgress(runComparison, {
    ...{ kind: "compare", command: text, targets, rounds: ROUNDS, isSecure: false },
    settings: settingsOf([1], workloads),
    load: loadOptions({ ...flags, quick: true }, { seconds: SECONDS }),
    scratchDir: flags["scratch-dir"],
  });
  const known = JSON.parse(readFileSync(GUARD_FILE, "utf8")) as GuardRatios;
  const reference = comparison.targets.find((target) => target.isReference);
  console.log(`Held against ${reference?.name} ${reference?.version ?? ""}`.trimEnd());
  for (const line of renderFaults(comparison)) console.log(line);
  if (flags.update) {
    const updated = withMeasured(known, comparison, workloads);
    writeFileSync(GUARD_FILE, `${JSON.stringify(updated, null, 2)}\n`);
    console.log(`Written: ${GUARD_FILE}`);
    return 0;
  }
  const expected = restrict(known, comparison);
  const verdicts = judge(comparison, expected);
  for (const { workload, target, expected: wanted, ratios, hasFailed } of verdicts) {
    const seen = ratios.map(formatRatio).join(" ");
    const change = `${formatRatio(wanted)} before, now ${seen}`;
    console.log(`${hasFailed ? "LOST" : "kept"}  ${workload}, ${target}: ${change}`);
  }
  const lost = verdicts.filter((verdict) => verdict.hasFailed).length;
  if (lost > 0) console.log(`${lost} ratios fell by more than ${LOSS_MAX * 100} %.`);
  return lost === 0 ? 0 : 1;
}

/** Only what this run measured, where flags chose some engines or workloads. */
function restrict(ratios: GuardRatios, { targets, workloads }: Comparison): GuardRatios {
  const isRun = (name: string): boolean => targets.some((target) => target.name === name);
  return Object.fromEntries(
    Object.entries(ratios)
      .filter(([workload]) => workloads.some(({ name }) => name === workload))
      .map(([workload, byTarget]) => [
        workload,
        Object.fromEntries(Object.entries(byTarget).filter(([target]) => isRun(target))),
      ]),
  );
}

/**
 * `known` with the ratios of this run in their places; what it did not measure stays.
 * @throws BenchError "CHECK" where no round ran cleanly
 */
function withMeasured(
  known: GuardRatios,
  comparison: Comparison,
  workloads: readonly Workload[],
): GuardRatios {
  const others = comparison.targets.filter((target) => !target.isReference);
  const measured = workloads.map(({ name }) => {
    const ratios = others.map((target) => {
      const ratio = median(ratiosByRound(comparison, name, target.name));
      if (Number.isFinite(ratio)) return [target.name, Number(ratio.toFixed(2))] as const;
      throw new BenchError("CHECK", `${target.name} has no clean run of ${name}`);
    });
    return [name, { ...known[name], ...Object.fromEntries(ratios) }] as const;
  });
  return { ...known, ...Object.fromEntries(measured) };
}
