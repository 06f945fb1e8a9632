import { writeFileSync } from "node:fs";
import { BenchError } from "../bench-error.js";
import { checkLoadOptions } from "../load/load-options.js";
import { formatLatency, formatNumber, formatRate } from "../report/format.js";
import { fill } from "../workloads/kv-workloads.js";
import { runWorkload } from "../workloads/run-workload.js";
import { workloadsOf } from "./compare.js";
import { loadOptions, tlsOptions } from "./flag-values.js";
import type { CommandLine } from "./flags.js";

/** Against servers that somebody else runs; returns the exit code. @throws BenchError */
export async function load({ flags }: CommandLine): Promise<number> {
  const endpoints = flags.endpoint ?? [];
  if (endpoints.length === 0) throw new BenchError("USAGE", "load needs --endpoint HOST:PORT");
  const given = { ...loadOptions(flags), tls: tlsOptions(flags), endpoints };
  const options = checkLoadOptions(given);
  const chosen = workloadsOf(flags);
  const workloads = chosen.filter((workload) => !workload.needsControl);
  let errors = 0;
  const note = (name: string, found: Readonly<Record<string, number>>): void => {
    for (const [what, times] of Object.entries(found)) {
      errors += times;
      console.log(`  error: ${name}: ${what} (${times} times)`);
    }
  };
  if (!flags["no-fill"] && workloads.some((workload) => workload.needsFill)) {
    note("fill", (await fill(options)).errors);
  }
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
    note(workload.name, result.errors);
    if (flags.json !== undefined) writeFileSync(flags.json, JSON.stringify(result));
  }
  for (const { name } of chosen.filter((workload) => workload.needsControl)) {
    console.log(`${name}: left out, since it must stop the server`);
  }
  return errors === 0 ? 0 : 1;
}
