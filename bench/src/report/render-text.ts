import type { Comparison } from "../compare/run-record.js";
import { renderGrowth } from "./growth-table.js";
import { renderLarge } from "./large-table.js";
import { renderFaults, renderTable } from "./table.js";

/**
 * A report for a terminal: its table, then everything that went wrong, a line each.
 * @param width characters of a line, where that is known
 */
export function renderText(comparison: Comparison, width: number | undefined): string {
  return [tableOf(comparison, width), ...renderFaults(comparison)].join("\n");
}

function tableOf(comparison: Comparison, width: number | undefined): string {
  if (comparison.kind === "growth") return renderGrowth(comparison);
  return comparison.kind === "large" ? renderLarge(comparison) : renderTable(comparison, width);
}
