import type { Comparison } from "../../compare/run-record.js";
import { escapeHtml } from "../format.js";
import { type GrowthPlot, growthPlots } from "../growth-plots.js";
import { type Axis, bytesUnit, linearAxis, logAxis, pointAxis } from "./axis.js";
import type { Part } from "./parts.js";
import { figure, legend } from "./series.js";
import { svgPlot } from "./svg-plot.js";
import { compact } from "./words.js";

/** Curves over each axis, then the same as tables. */
export function growthSections(
  comparison: Comparison,
  classes: ReadonlyMap<string, string>,
): Part[] {
  const plots = growthPlots(comparison);
  const axes = [...new Set(plots.map(({ axis }) => axis))];
  const names = legend(
    classes,
    comparison.targets.map(({ name }) => name),
  );
  const parts = axes.map((axis) => {
    const own = plots.filter((plot) => plot.axis === axis);
    const drawn = own.map((plot) => draw(plot, classes)).join("");
    return {
      heading: `Over ${axis}`,
      content: `${NOTES[axis] ?? ""}${names}<div class="plots">${drawn}</div>`,
    };
  });
  const tables = plots.map((plot) => table(plot)).join("");
  return [
    ...parts,
    { heading: "The same in numbers", content: `<div class="plots">${tables}</div>` },
  ];
}

const NOTES: Readonly<Record<string, string>> = {
  keys:
    `<p class="dim">The stores grow from point to point, and puts and ranges go to random keys of ` +
    `all that are there. Memory is what the server's process holds right after the last key was ` +
    `put.</p>`,
  connections:
    `<p class="dim">On the first number of keys. Each connection has one call at a time unless ` +
    `the command says otherwise, so that its rate is the reciprocal of the latency.</p>`,
};

function draw(
  { title, axis, quantity, format, series }: GrowthPlot,
  classes: ReadonlyMap<string, string>,
): string {
  const lines = series.map(({ target, points }) => ({
    ...{ series: classes.get(target) ?? "", label: target, points },
  }));
  const all = series.flatMap(({ points }) => points);
  const values = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b);
  const heights = all.map(([, y]) => y);
  const bounds = { least: Math.max(1, Math.min(...heights)), most: Math.max(...heights) };
  const x = pointAxis(values, `${axis} (logarithmic)`, compact);
  const y = upright(quantity, bounds, format);
  return figure(title, svgPlot({ lines, x, y, hasDots: true }));
}

function upright(
  quantity: GrowthPlot["quantity"],
  bounds: { readonly least: number; readonly most: number },
  format: GrowthPlot["format"],
): Axis {
  if (quantity === "p99") return logAxis(bounds, "p99 (logarithmic)", format);
  if (quantity === "requests/s") return linearAxis(bounds.most, quantity, compact);
  return linearAxis(bounds.most, quantity, format, bytesUnit(bounds.most));
}

function table({ title, axis, format, series }: GrowthPlot): string {
  const values = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))];
  const head = values.map((value) => `<th scope="col">${compact(value)}</th>`).join("");
  const rows = series.map(({ target, points }) => {
    const byX = new Map(points);
    const cells = values.map((x) => {
      const y = byX.get(x);
      return `<td>${y === undefined ? "-" : escapeHtml(format(y))}</td>`;
    });
    return `<tr><th scope="row">${escapeHtml(target)}</th>${cells.join("")}</tr>`;
  });
  const corner = `<th>${escapeHtml(axis)}</th>`;
  const body = `<thead><tr>${corner}${head}</tr></thead><tbody>${rows.join("")}</tbody>`;
  return figure(title, `<div class="scroll"><table>${body}</table></div>`);
}
