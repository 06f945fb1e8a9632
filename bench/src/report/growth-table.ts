import Table from "cli-table3";
import type { Comparison } from "../compare/run-record.js";
import { formatNumber } from "./format.js";
import { growthPlots } from "./growth-plots.js";

/** The curves for a terminal: a table a quantity, a row a server, a column a point. */
export function renderGrowth(comparison: Comparison): string {
  return growthPlots(comparison)
    .map(({ title, format, series }) => {
      const values = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))];
      const table = new Table({
        head: [title, ...values.map((value) => formatNumber(value))],
        colAligns: ["left", ...values.map(() => "right" as const)],
        style: { head: [], border: [], compact: true },
      });
      for (const { target, points } of series) {
        const byX = new Map(points);
        const cell = (x: number): string => {
          const y = byX.get(x);
          return y === undefined ? "-" : format(y);
        };
        table.push([target, ...values.map(cell)]);
      }
      return table.toString();
    })
    .join("\n");
}
