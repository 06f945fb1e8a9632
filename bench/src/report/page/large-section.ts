import type { Comparison } from "../../compare/run-record.js";
import type { FigureLine } from "../figure-cells.js";
import { escapeHtml, formatRatio } from "../format.js";
import { largeLines } from "../large-lines.js";
import { grade } from "./grade.js";
import type { Part } from "./parts.js";

/** The table of a large store, coloured by what is better. */
export function largeSection(comparison: Comparison): Part {
  const { targets, options } = comparison;
  const head = targets.map(({ name }) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  const rows = largeLines(comparison).map(row).join("");
  const body = `<thead><tr><th>figure</th>${head}</tr></thead><tbody>${rows}</tbody>`;
  const keys = Number(options.keys).toLocaleString("en-US");
  return {
    heading: `${keys} keys`,
    content:
      `<p class="dim">In small: the ratio to the reference. Green is better than it, strong green ` +
      `twice as good, red worse, no colour within 5 %; of times, memory and disk less is better. The latencies during ` +
      `defragmentation are those of calls at a steady rate, each counted from its intended ` +
      `start.</p><div class="scroll"><table>${body}</table></div>`,
  };
}

function row({ label, cells, isLessBetter }: FigureLine): string {
  const shown = cells.map(({ text, ratio }) => {
    if (ratio === undefined) return `<td>${escapeHtml(text)}</td>`;
    const look = grade(isLessBetter ? 1 / ratio : ratio);
    return `<td class="${look}">${escapeHtml(text)}<small>${formatRatio(ratio)}</small></td>`;
  });
  return `<tr><th scope="row">${escapeHtml(label)}</th>${shown.join("")}</tr>`;
}
