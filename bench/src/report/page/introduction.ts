import type { Comparison } from "../../compare/run-record.js";
import { escapeHtml } from "../format.js";
import { renderFaults } from "../table.js";
import type { Part } from "./parts.js";
import { words } from "./words.js";

/** Who is compared, when, on what, and how to read it. */
export function introduction({ targets, startedAt, machine, options }: Comparison): string {
  const names = targets.map(({ name, version }) =>
    version === undefined || version === "unknown" ? name : `${name} ${version}`,
  );
  const when = `${startedAt.slice(0, 10)} ${startedAt.slice(11, 16)} UTC`;
  const rounds = Number(options.rounds);
  const medians =
    rounds > 1
      ? `Figures are medians of ${rounds} interleaved rounds; whiskers show the slowest and the ` +
        `fastest. A ratio to the reference is taken within each round, before the median.`
      : `One round, in which every workload ran on one server after the other: no figure has been ` +
        `repeated, so read small differences as none.`;
  const where = [machine.processor, machine.memory].filter(Boolean).join(", ");
  return (
    `<p>${escapeHtml(list(names))} on one machine (${escapeHtml(where)}), ${escapeHtml(when)}. ` +
    `Servers, load generator and disk share it, so figures say how the servers compare there and ` +
    `nothing about a network.</p><p class="dim">${medians}</p>`
  );
}

/** What went wrong, or that nothing did: never hidden. */
export function faults(comparison: Comparison): string {
  const lines = renderFaults(comparison).map((line) => `<li>${escapeHtml(line)}</li>`);
  if (lines.length === 0) {
    return (
      `<p class="status clean">Every reply of every run was checked and right. An error would be ` +
      `counted and shown here, and is never part of a rate.</p>`
    );
  }
  const many = lines.length === 1 ? "One kind of error" : `${lines.length} kinds of errors`;
  return (
    `<div class="status faults"><strong>${many}.</strong> No rate counts them.` +
    `<ul>${lines.join("")}</ul></div>`
  );
}

/** Machine, load and exact commands. */
export function conditions({ machine, options, command, targets }: Comparison): Part {
  const items = Object.entries({ ...machine, ...options }).map(([name, value]) => {
    const look = String(value).length > 24 ? ` class="wide"` : "";
    const term = `<dt>${escapeHtml(words(name))}</dt>`;
    const text = typeof value === "number" ? value.toLocaleString("en-US") : value;
    return `<div${look}>${term}<dd>${escapeHtml(text)}</dd></div>`;
  });
  const lines = targets.flatMap(({ name, commandLines = [] }) =>
    commandLines.map((line) => `<p class="dim">${escapeHtml(name)}</p>${block(line)}`),
  );
  const repeat = command === undefined ? "" : `<h3>To repeat it</h3>${block(command)}`;
  const started =
    lines.length === 0
      ? ""
      : `<h3>How the servers were started</h3><p class="dim">DIR is a fresh directory, and the ` +
        `ports were free ones. Of a cluster the first member is shown.</p>${lines.join("")}`;
  return {
    heading: "How it was measured",
    content: `<dl>${items.join("")}</dl>${repeat}${started}`,
  };
}

function block(text: string): string {
  return `<pre>${escapeHtml(text)}</pre>`;
}

/** "a, b and c". */
function list(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
