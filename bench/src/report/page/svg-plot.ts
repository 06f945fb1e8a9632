import { escapeHtml } from "../format.js";
import type { Axis } from "./axis.js";

export interface Line {
  /** Class that colours it, of `seriesClasses`. */
  readonly series: string;
  readonly label: string;
  /** In the order of `x`. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly lines: readonly Line[];
  readonly x: Axis;
  readonly y: Axis;
  /** For few points: a dot at each. */
  readonly hasDots?: boolean;
  /** Stretches of the x axis behind the lines. */
  readonly bands?: readonly { readonly from: number; readonly to: number }[];
  /** A dashed upright line. */
  readonly mark?: number;
  readonly height?: number;
}

const WIDTH = 400;
const HEIGHT = 230;
const LEFT = 60;
const BOTTOM = 40;
const TOP = 26;
/** Half of the longest label below the axis. */
const RIGHT = 28;

/** Lines over two axes with a grid; the title of the upright axis stands above it. */
export function svgPlot(plot: Plot): string {
  const { x, y, height = HEIGHT } = plot;
  const bottom = height - BOTTOM;
  const px = (value: number): number => round(LEFT + x.place(value) * (WIDTH - LEFT - RIGHT));
  const py = (value: number): number => round(bottom - y.place(value) * (bottom - TOP));
  const bands = (plot.bands ?? []).map(({ from, to }) => {
    const width = Math.max(1, round(px(to) - px(from)));
    return `<rect class="band" x="${px(from)}" y="${TOP}" width="${width}" height="${bottom - TOP}"/>`;
  });
  const columns = x.ticks.map(
    ({ value, label }) =>
      `<path class="grid" d="M${px(value)} ${TOP}V${bottom}"/>` +
      text(px(value), bottom + 15, label, "middle"),
  );
  const rows = y.ticks.map(
    ({ value, label }) =>
      `<path class="grid" d="M${LEFT} ${py(value)}H${WIDTH - RIGHT}"/>` +
      text(LEFT - 6, py(value) + 4, label, "end"),
  );
  const mark =
    plot.mark === undefined ? [] : [`<path class="mark" d="M${px(plot.mark)} ${TOP}V${bottom}"/>`];
  const paths = plot.lines.map(({ series, label, points }) => {
    const path = points.map(([a, b], i) => `${i === 0 ? "M" : "L"}${px(a)} ${py(b)}`).join("");
    const dots = points.map(([a, b]) => `<circle cx="${px(a)}" cy="${py(b)}" r="3.5"/>`);
    const drawn = `<path class="line" d="${path}"/>${plot.hasDots ? dots.join("") : ""}`;
    return `<g class="${series}"><title>${escapeHtml(label)}</title>${drawn}</g>`;
  });
  const titles = [
    text((LEFT + WIDTH - RIGHT) / 2, height - 5, x.title, "middle", "title"),
    text(4, 13, y.title, "start", "title"),
  ];
  const content = [...bands, ...columns, ...rows, ...mark, ...paths, ...titles].join("");
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img">${content}</svg>`;
}

function text(x: number, y: number, content: string, anchor: string, style?: string): string {
  const place = `x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"`;
  const look = style === undefined ? "" : ` class="${style}"`;
  return `<text ${place}${look}>${escapeHtml(content)}</text>`;
}

/** Tenths of a pixel are as fine as anybody sees. */
function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
