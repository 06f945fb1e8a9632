import type { Comparison } from "../compare/run-record.js";
import { type Figure, type FigureLine, figureLine, withRatio } from "./figure-cells.js";
import { joinReports } from "./join-reports.js";
import { largeLines } from "./large-lines.js";
import { ONE_MEMBER, THREE_MEMBERS } from "./readme-figures.js";
import { summarize } from "./summary.js";
import { renderFaults } from "./table.js";

/**
 * The part of the README that shows what reports measured; Markdown, made from nothing else.
 * Reports of the same measurement become one table.
 */
export function readmeText(reports: readonly Comparison[]): string {
  return joinReports(reports).flatMap(sectionsOf).join("\n\n");
}

function sectionsOf(report: Comparison): string[] {
  if (report.kind === "large") return largeText(report);
  const sections: string[] = [];
  if (has(report, ONE_MEMBER)) {
    const opening = `Requests (or events) a second of one member${reading(report)}`;
    sections.push(opening, ...tableText(report, ONE_MEMBER));
  }
  if (has(report, THREE_MEMBERS)) {
    const opening = `Three members on that machine, all beside the load generator${reading(report)}`;
    sections.push(opening, ...tableText(report, THREE_MEMBERS));
  }
  return [...sections, ...faultText(report)];
}

/** What the figures are, how they came about, and how far the rounds lay apart. */
function reading(report: Comparison): string {
  const { machine, options, targets } = report;
  const reference = targets.find(({ isReference }) => isReference);
  const ratio =
    reference === undefined
      ? ""
      : `, in brackets the ratio to ${reference.name} ${reference.version ?? ""} in the same run`;
  const spreads = report.workloads.flatMap(({ name }) =>
    targets.flatMap((target) => summarize(report, name, target.name)?.spread ?? []),
  );
  const percent = (share: number): string => (share * 100).toFixed(0);
  const sorted = spreads.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1];
  const apart =
    Number(options.rounds) > 1 && middle !== undefined
      ? ` The rounds lay ${percent(middle)} % apart at the median of all figures, ` +
        `${percent(sorted.at(-1)!)} % at most.`
      : "";
  return (
    `${ratio.trimEnd()}. ${rounds(report)}, ${options.secondsPerRun} s each; ${machine.processor} ` +
    `shared by servers and load generator, ${machine.memory}, ${kindOf(machine.system)}, ` +
    `Node ${machine.node?.replace(/^v/, "")}; ${load(options)}.${apart}`
  );
}

/** "Linux" of "linux 6.1.0": a page that outlives the machine has no use for more. */
function kindOf(system = "unknown"): string {
  const [kind = ""] = system.split(" ");
  return kind.slice(0, 1).toUpperCase() + kind.slice(1);
}

function rounds({ options }: Comparison): string {
  const count = Number(options.rounds);
  const runs = Number(options.runs ?? 1);
  if (count === 1) return "One round";
  return `Medians of ${count} interleaved rounds${runs === 1 ? "" : ` in ${runs} runs`}`;
}

function load(options: Comparison["options"]): string {
  const keys = Number(options.keys).toLocaleString("en-US");
  const tls = options.transport === "TLS" ? "TLS, " : "";
  const { keyBytes, valueBytes, connections, streamsPerConnection } = options;
  return (
    `${tls}${keyBytes}-byte keys, ${valueBytes}-byte values, ${keys} keys, ` +
    `${connections} connections with ${streamsPerConnection} streams each`
  );
}

function has(report: Comparison, figures: readonly Figure[]): boolean {
  return report.runs.some((run) => figures.some(({ workload }) => workload === run.workload));
}

function tableText(report: Comparison, figures: readonly Figure[]): string[] {
  const lines = figures
    .map((figure) => figureLine(report, figure))
    .filter(({ cells }) => cells.some(({ text }) => text !== "-"));
  return [markdown(report, "work", lines), ...behindText(lines)];
}

function largeText(report: Comparison): string[] {
  const keys = Number(report.options.keys).toLocaleString("en-US");
  const { valueBytes, secondsPerRun } = report.options;
  const lines = largeLines(report);
  const opening =
    `A store of ${keys} keys with ${valueBytes}-byte values, on the same machine. ` +
    `${rounds(report)}; puts ran for ${secondsPerRun} s without and ${secondsPerRun} s with ` +
    `compactions one after the other, or defragmentations half of the time. The latencies of the ` +
    `last lines are those of calls at a steady rate.`;
  return [opening, markdown(report, "figure", lines), ...behindText(lines), ...faultText(report)];
}

function markdown({ targets }: Comparison, corner: string, lines: readonly FigureLine[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    row([corner, ...targets.map(({ name }) => name.replace(/^kvorum /, ""))]),
    `|${"---|".repeat(targets.length + 1)}`,
    ...lines.map(({ label, cells }) => row([label, ...cells.map(withRatio)])),
  ].join("\n");
}

/** Nearer to the reference than this part is not behind it. */
const EVEN = 0.05;

/** Where the reference is ahead of every engine, and where of some, said in so many words. */
function behindText(lines: readonly FigureLine[]): string[] {
  const reference = lines[0]?.cells.find(({ isReference }) => isReference)?.target;
  const all: string[] = [];
  const some: string[] = [];
  for (const { label, cells, isLessBetter } of lines) {
    const held = cells.filter(({ ratio }) => ratio !== undefined);
    const behind = held.filter(({ ratio }) =>
      isLessBetter ? ratio! > 1 + EVEN : ratio! < 1 - EVEN,
    );
    if (behind.length === 0) continue;
    if (behind.length === held.length) all.push(label);
    else some.push(`${label} (${behind.map(({ target }) => short(target)).join(", ")})`);
  }
  const sentences = [
    all.length === 0 ? "" : `${reference} is ahead of every engine in: ${all.join("; ")}.`,
    some.length === 0 ? "" : `Of some engines in: ${some.join("; ")}.`,
  ].filter((sentence) => sentence !== "");
  if (all.length === 0 && some.length > 0) {
    return [`${reference} is ahead of some engines in: ${some.join("; ")}.`];
  }
  return sentences.length === 0 ? [] : [sentences.join(" ")];
}

function short(target: string): string {
  return target.replace(/^kvorum /, "");
}

/** What went wrong is said beside the figures, too. */
function faultText(report: Comparison): string[] {
  const lines = renderFaults(report);
  return lines.length === 0
    ? []
    : [`Errors in this run, which no rate counts: ${lines.map(oneLine).join("; ")}.`];
}

/** Characters of one fault: a server's last words may be a page. */
const FAULT_CHARS_MAX = 200;

/** Without the paths of the machine, which say nothing to a reader. */
function oneLine(text: string): string {
  const line = text
    .replace(/\s+/g, " ")
    .replace(/\|/g, "/")
    .replace(/(?<=[\s"(])\/\S+/g, "a file");
  return line.length > FAULT_CHARS_MAX ? `${line.slice(0, FAULT_CHARS_MAX)}...` : line;
}
