import { writeFileSync } from "node:fs";
import type { ComparisonOptions } from "../compare/comparison-session.js";
import { type inSession, runComparison } from "../compare/run-comparison.js";
import type { Comparison } from "../compare/run-record.js";
import { parseMembers, settingsOf } from "../compare/settings.js";
import { checkLoadOptions } from "../load/load-options.js";
import { renderHtml } from "../report/page/html-page.js";
import { renderText } from "../report/render-text.js";
import { renderFaults } from "../report/table.js";
import {
  CLUSTER_WORKLOADS,
  findWorkloads,
  QUICK_WORKLOADS,
  WORKLOADS,
} from "../workloads/catalogue.js";
import type { Workload } from "../workloads/workload.js";
import { loadOptions, type OpenEnded, roundsOf, targetsOf } from "./flag-values.js";
import type { CommandLine, Flags } from "./flags.js";
import { catchInterruption } from "./interruption.js";
import { createProgress } from "./progress.js";

/** Compares servers as the flags say; returns the exit code. @throws BenchError */
export async function compare({ flags, text }: CommandLine): Promise<number> {
  const load = checkLoad(loadOptions(flags));
  const members = parseMembers(flags.members ?? "1");
  const chosen = (count: number): Workload[] => workloadsOf(flags, count);
  const settings = members.flatMap((count) => settingsOf([count], chosen(count)));
  const comparison = await withProgress(runComparison, {
    ...{ kind: "compare", command: text, load, settings },
    targets: await targetsOf(flags),
    rounds: roundsOf(flags, flags.quick ? 1 : 3),
    isSecure: flags.tls ?? false,
    scratchDir: flags["scratch-dir"],
  });
  return report(comparison, flags, "bench-report");
}

/** The same before any server is started. @throws BenchError "USAGE" */
export function checkLoad(load: OpenEnded): OpenEnded {
  checkLoadOptions({ ...load, endpoints: ["to be started"] });
  return load;
}

/** Room for the history of large stores, the most that etcd advises. */
export const QUOTA_ARGS: readonly string[] = ["--quota-backend-bytes", String(8 * 2 ** 30)];

export type Unwatched = Omit<ComparisonOptions, "onStep" | "isInterrupted">;

/**
 * Makes a report while a terminal shows how far it is. A first Ctrl-C ends it after the step under
 * way, with what was measured; a second one ends it at once.
 */
export async function withProgress(
  make: (options: ComparisonOptions) => ReturnType<typeof inSession>,
  options: Unwatched,
): Promise<Comparison> {
  const progress = createProgress();
  const interruption = catchInterruption();
  const { isInterrupted } = interruption;
  try {
    return await make({ ...options, isInterrupted, onStep: progress.onStep });
  } finally {
    interruption.release();
    progress.stop();
  }
}

/** Prints a report and writes its files; returns the exit code. */
export function report(comparison: Comparison, flags: Flags, name: string): number {
  console.log(renderText(comparison, process.stdout.columns));
  const json = flags.json ?? `${name}.json`;
  const html = flags.html ?? `${name}.html`;
  writeFileSync(json, JSON.stringify(comparison));
  writeFileSync(html, renderHtml(comparison));
  console.log(`Written: ${json}, ${html}`);
  return renderFaults(comparison).length === 0 ? 0 : 1;
}

/** Those that the flags name, else those that suit the size. @throws BenchError "USAGE" */
export function workloadsOf(flags: Flags, members = 1): Workload[] {
  const all = WORKLOADS.map((workload) => workload.name);
  const usual = flags.quick ? QUICK_WORKLOADS : members === 1 ? all : CLUSTER_WORKLOADS;
  return findWorkloads(flags.workloads?.split(",") ?? usual);
}
