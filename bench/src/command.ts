import { writeFileSync } from "node:fs";
import { SingleBar } from "cli-progress";
import { BenchError } from "./bench-error.js";
import { type ComparisonOptions, runComparison } from "./compare/run-comparison.js";
import type { Comparison } from "./compare/run-record.js";
import { type Flags, HELP, loadOptions, numberOf, parseFlags, targetsOf } from "./flags.js";
import { runGuard } from "./guard/run-guard.js";
import { checkLoadOptions } from "./load/load-options.js";
import { runMicro } from "./micro/run-micro.js";
import { formatLatency, formatNumber, formatRate } from "./report/format.js";
import { renderHtml } from "./report/html-page.js";
import { renderFaults, renderTable } from "./report/table.js";
import { findWorkloads, QUICK_WORKLOADS, WORKLOADS } from "./workloads/catalogue.js";
import { fill } from "./workloads/kv-workloads.js";
import { runWorkload } from "./workloads/run-workload.js";
import type { Workload } from "./workloads/workload.js";

/** Runs what the command line asks for; returns the exit code. @throws BenchError */
export async function runCommand(args: readonly string[]): Promise<number> {
  const { values: flags, positionals } = parseFlags(args);
  const [verb = flags.guard ? "guard" : "compare", ...rest] = positionals;
  if (rest.length > 0) throw new BenchError("USAGE", `${rest[0]} is no flag`);
  if (flags.help) {
    console.log(HELP);
    return 0;
  }
  if (verb === "compare") return compare(flags);
  if (verb === "load") return load(flags);
  if (verb === "micro") return runMicro({ engines: flags.engines, stages: flags.stages });
  if (verb === "guard") return runGuard(flags);
  throw new BenchError("USAGE", `${verb} is no command\n\n${HELP}`);
}

async function compare(flags: Flags): Promise<number> {
  const load = loadOptions(flags);
  checkLoadOptions({ ...load, endpoints: ["to be started"] });
  const comparison = await compareWithProgress({
    targets: await targetsOf(flags),
    workloads: workloadsOf(flags),
    rounds: numberOf("rounds", flags.rounds, flags.quick ? 1 : 3),
    load,
    scratchDir: flags["scratch-dir"],
  });
  console.log(renderTable(comparison));
  for (const line of renderFaults(comparison)) console.log(line);
  writeReports(comparison, flags);
  return renderFaults(comparison).length === 0 ? 0 : 1;
}

/** A comparison that shows on a terminal how far it is. */
export async function compareWithProgress(
  options: Omit<ComparisonOptions, "onStep">,
): Promise<Comparison> {
  const bar = new SingleBar({ format: "{bar} {value}/{total} {step}", clearOnComplete: true });
  let isStarted = false;
  const onStep = (step: string, done: number, total: number): void => {
    if (!process.stderr.isTTY) return;
    if (isStarted) bar.update(done, { step });
    else bar.start(total, done, { step });
    isStarted = true;
  };
  try {
    return await runComparison({ ...options, onStep });
  } finally {
    bar.stop();
  }
}

function writeReports(comparison: Comparison, flags: Flags): void {
  const json = flags.json ?? "bench-report.json";
  const html = flags.html ?? "bench-report.html";
  writeFileSync(json, JSON.stringify(comparison));
  writeFileSync(html, renderHtml(comparison));
  console.log(`Written: ${json}, ${html}`);
}

function workloadsOf(flags: Flags): Workload[] {
  const all = WORKLOADS.map((workload) => workload.name);
  return findWorkloads(flags.workloads?.split(",") ?? (flags.quick ? QUICK_WORKLOADS : all));
}

/** Against a server that somebody else runs. */
async function load(flags: Flags): Promise<number> {
  const options = checkLoadOptions({ ...loadOptions(flags), endpoints: flags.endpoint ?? [] });
  const chosen = workloadsOf(flags);
  const workloads = chosen.filter((workload) => !workload.needsControl);
  let errors = 0;
  if (!flags["no-fill"] && workloads.some((workload) => workload.needsFill)) await fill(options);
  for (const workload of workloads) {
    const result = await runWorkload(workload, { load: options, server: undefined });
    const { p50Us, p99Us, p999Us, maxUs } = result.latency;
    const figures = Object.entries(result.figures).map(
      ([name, value]) => `, ${name} ${formatNumber(value)}`,
    );
    console.log(
      `${workload.name}: ${formatRate(result.ratePerSecond, result.unit)}, ` +
        `p50 ${formatLatency(p50Us)}, p99 ${formatLatency(p99Us)}, ` +
        `p99.9 ${formatLatency(p999Us)}, max ${formatLatency(maxUs)}${figures.join("")}`,
    );
    for (const [what, times] of Object.entries(result.errors)) {
      errors += times;
      console.log(`  error: ${what} (${times} times)`);
    }
    if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(result));
  }
  return errors === 0 ? 0 : 1;
}
