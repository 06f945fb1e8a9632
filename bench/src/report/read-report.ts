import { readFileSync } from "node:fs";
import { BenchError } from "../bench-error.js";
import type { Comparison } from "../compare/run-record.js";

/** A report that `--json` wrote. @throws BenchError "USAGE" */
export function readReport(path: string): Comparison {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new BenchError("USAGE", `--from ${path} can't be read`, { cause });
  }
  try {
    const report = JSON.parse(text) as Comparison;
    if (Array.isArray(report.runs) && Array.isArray(report.targets)) return report;
  } catch {
    // Whatever is no JSON is no report either.
  }
  throw new BenchError("USAGE", `--from ${path} is no JSON report of a comparison`);
}
