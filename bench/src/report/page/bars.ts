import { escapeHtml } from "../format.js";

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The least and the most of the rounds, drawn as a whisker. */
  readonly low: number;
  readonly high: number;
  /** The figure in words. */
  readonly text: string;
  /** Beside it: the ratio; "" without one. */
  readonly ratio: string;
  /** Class that colours it. */
  readonly series: string;
}

/** Horizontal bars from zero, one under the other. */
export function bars(all: readonly Bar[]): string {
  const most = Math.max(...all.map((bar) => Math.max(bar.value, bar.high)), Number.MIN_VALUE);
  const percent = (value: number): string => `${Math.round((value / most) * 1000) / 10}%`;
  const rows = all.map((bar) => {
    const from = percent(bar.low);
    const width = percent(bar.high - bar.low);
    const whisker = bar.high > bar.low ? `<u style="left:${from};width:${width}"></u>` : "";
    const track = `<div class="track"><b style="width:${percent(bar.value)}"></b>${whisker}</div>`;
    const figures = `<strong>${escapeHtml(bar.text)}</strong> ${escapeHtml(bar.ratio)}`;
    return `<div class="bar ${bar.series}"><span>${escapeHtml(bar.label)}</span>${track}<span>${figures}</span></div>`;
  });
  return `<div class="bars">${rows.join("")}</div>`;
}
