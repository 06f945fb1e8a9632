import type { Comparison, ReportedWorkload } from "../../compare/run-record.js";
import { escapeHtml, formatRate, formatRatio } from "../format.js";
import { failuresOf, summarize } from "../summary.js";
import { grade } from "./grade.js";
import { familiesOf, type Part } from "./parts.js";
import { anchorOf } from "./words.js";

/** Every workload against every target: ratios where there is a reference, rates else. */
export function glance(comparison: Comparison): Part {
  const { targets } = comparison;
  const head = targets.map(({ name }) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  const rows = familiesOf(comparison).map(({ heading, workloads }) => {
    const title = `<th scope="row" colspan="${targets.length + 1}">${escapeHtml(heading)}</th>`;
    const lines = workloads.map((workload) => row(comparison, workload)).join("");
    return `<tr class="family">${title}</tr>${lines}`;
  });
  const body = `<thead><tr><th>workload</th>${head}</tr></thead><tbody>${rows.join("")}</tbody>`;
  const legend = targets.some(({ isReference }) => isReference)
    ? `<p class="dim">Ratios to the reference, above the rates: more than 1 is faster. Green ` +
      `is faster, strong green at least twice as fast, red slower; within 5 % there is no colour.</p>`
    : "";
  return {
    heading: "At a glance",
    content: `${legend}<div class="scroll"><table>${body}</table></div>`,
  };
}

function row(comparison: Comparison, workload: ReportedWorkload): string {
  const cells = comparison.targets.map(({ name, isReference }) => {
    const summary = summarize(comparison, workload.name, name);
    if (summary === undefined) {
      return `<td>${failuresOf(comparison, workload.name, name) > 0 ? "failed" : "-"}</td>`;
    }
    const rate = escapeHtml(formatRate(summary.ratePerSecond, summary.unit));
    const errors = summary.errors > 0 ? `<small>${summary.errors} errors</small>` : "";
    if (isReference || summary.ratio === undefined) return `<td>${rate}${errors}</td>`;
    const ratio = formatRatio(summary.ratio);
    return `<td class="${grade(summary.ratio)}">${ratio}<small>${rate}</small>${errors}</td>`;
  });
  const link = `<a href="#${anchorOf(workload.name)}">${escapeHtml(workload.title)}</a>`;
  return `<tr><th scope="row">${link}</th>${cells.join("")}</tr>`;
}
