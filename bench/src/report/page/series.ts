import type { Comparison } from "../../compare/run-record.js";
import { escapeHtml } from "../format.js";

/** Colours there are beside the reference's; further targets begin anew. */
const COLORS = 6;

/** The class that colours each target, by its name: the reference is grey, whoever else is there. */
export function seriesClasses({ targets }: Pick<Comparison, "targets">): Map<string, string> {
  const classes = new Map<string, string>();
  let next = 0;
  for (const { name, isReference } of targets) {
    classes.set(name, isReference ? "reference" : `s${next++ % COLORS}`);
  }
  return classes;
}

/** Swatches with names, as a line of its own, so that it never covers a curve. */
export function legend(classes: ReadonlyMap<string, string>, shown: readonly string[]): string {
  const items = shown.map((name) => {
    const look = classes.get(name) ?? "";
    return `<li class="${look}"><i></i>${escapeHtml(name)}</li>`;
  });
  return `<ul class="legend">${items.join("")}</ul>`;
}

/** A plot with its caption and legend. */
export function figure(caption: string, content: string, below = ""): string {
  return `<figure><figcaption>${escapeHtml(caption)}</figcaption>${content}${below}</figure>`;
}
