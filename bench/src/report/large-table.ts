import Table from "cli-table3";
import type { Comparison } from "../compare/run-record.js";
import { withRatio } from "./figure-cells.js";
import { largeLines } from "./large-lines.js";

/** The table of a large store for a terminal: a row a figure, a column a server. */
export function renderLarge(comparison: Comparison): string {
  const { targets } = comparison;
  const table = new Table({
    head: [`${comparison.options.keys} keys`, ...targets.map(({ name }) => name)],
    colAligns: ["left", ...targets.map(() => "right" as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { label, cells } of largeLines(comparison)) {
    table.push([label, ...cells.map(withRatio)]);
  }
  return table.toString();
}
