import type { Comparison } from "../../compare/run-record.js";
import { escapeHtml } from "../format.js";
import { glance } from "./glance.js";
import { growthSections } from "./growth-sections.js";
import { conditions, faults, introduction } from "./introduction.js";
import { largeSection } from "./large-section.js";
import { PAGE_STYLE } from "./page-style.js";
import { familiesOf, type Part } from "./parts.js";
import { seriesClasses } from "./series.js";
import { anchorOf } from "./words.js";
import { workloadSection } from "./workload-section.js";

const TITLES = {
  compare: "Kvorum: engines side by side",
  growth: "Kvorum: growth",
  large: "Kvorum: a large store",
} as const;

/** A report as one page that needs nothing else: style and plots stand in it. */
export function renderHtml(comparison: Comparison): string {
  const title = TITLES[comparison.kind ?? "compare"];
  const parts = [...partsOf(comparison), conditions(comparison)];
  const links = parts.map(
    ({ heading }) => `<a href="#${anchorOf(heading)}">${escapeHtml(heading)}</a>`,
  );
  const bodies = parts.map(
    ({ heading, content }) => `<h2 id="${anchorOf(heading)}">${escapeHtml(heading)}</h2>${content}`,
  );
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<title>${title}</title><style>${PAGE_STYLE}</style></head><body>`,
    `<header><h1>${title}</h1>${introduction(comparison)}</header>`,
    faults(comparison),
    `<nav>${links.join("")}</nav><main>`,
    ...bodies,
    `</main></body></html>\n`,
  ].join("");
}

function partsOf(comparison: Comparison): Part[] {
  const classes = seriesClasses(comparison);
  const kind = comparison.kind ?? "compare";
  if (kind === "growth") return growthSections(comparison, classes);
  const sections = familiesOf(comparison).map(({ heading, workloads }) => ({
    heading,
    content: workloads.map((one) => workloadSection(comparison, one, classes)).join(""),
  }));
  const first = kind === "large" ? largeSection(comparison) : glance(comparison);
  return [first, ...sections];
}
