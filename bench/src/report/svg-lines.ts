import { escapeHtml } from "./format.js";
import { round, svg, svgText } from "./svg-elements.js";

export interface Line {
  readonly color: string;
  readonly label: string;
  /** In the order of `x`. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axis {
  /** Where on the axis a value lies, 0 to 1. */
  readonly place: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
  readonly title: string;
}

const WIDTH = 350;
const HEIGHT = 200;
const LEFT = 62;
const BOTTOM = 38;
const TOP = 10;
const RIGHT = 12;

/** Lines over two axes with a grid. */
export function svgLines(lines: readonly Line[], x: Axis, y: Axis): string {
  const bottom = HEIGHT - BOTTOM;
  const px = (value: number): number => round(LEFT + x.place(value) * (WIDTH - LEFT - RIGHT));
  const py = (value: number): number => round(bottom - y.place(value) * (bottom - TOP));
  const columns = x.ticks.map(
    ({ value, label }) =>
      `<path class="grid" d="M${px(value)} ${TOP}V${bottom}"/>` +
      svgText(px(value), bottom + 14, label, { anchor: "middle" }),
  );
  const rows = y.ticks.map(
    ({ value, label }) =>
      `<path class="grid" d="M${LEFT} ${py(value)}H${WIDTH - RIGHT}"/>` +
      svgText(LEFT - 6, py(value) + 4, label, { anchor: "end" }),
  );
  const paths = lines.map(({ color, label, points }) => {
    const path = points.map(([a, b], i) => `${i === 0 ? "M" : "L"}${px(a)} ${py(b)}`).join("");
    const title = `<title>${escapeHtml(label)}</title>`;
    return `<path class="line" stroke="${color}" d="${path}">${title}</path>`;
  });
  const title = { anchor: "middle", isTitle: true } as const;
  const titles = [
    svgText((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, x.title, title),
    svgText(12, (TOP + bottom) / 2, y.title, { ...title, isUpright: true }),
  ];
  return svg(WIDTH, HEIGHT, [...columns, ...rows, ...paths, ...titles].join(""));
}

/** From 0 to a round number above `most`. */
export function linearAxis(most: number, title: string, label: (value: number) => string): Axis {
  const step = roundStep(Math.max(most, Number.MIN_VALUE) / 4);
  const end = Math.max(step, Math.ceil(most / step - 1e-9) * step);
  const count = Math.round(end / step);
  const ticks = Array.from({ length: count + 1 }, (_, i) => ({
    value: i * step,
    label: label(i * step),
  }));
  return { title, ticks, place: (value) => value / end };
}

/** Whole powers of ten from below `least` to above `most`, both above 0. */
export function logAxis(
  bounds: { readonly least: number; readonly most: number },
  title: string,
  label: (value: number) => string,
): Axis {
  const first = Math.floor(Math.log10(bounds.least) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(bounds.most) - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    const value = 10 ** (first + i);
    return { value, label: label(value) };
  });
  const place = (value: number): number =>
    Math.min(1, Math.max(0, (Math.log10(value) - first) / (last - first)));
  return { title, ticks, place };
}

/** 1, 2 or 5 times a power of ten, at least `value`. */
function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= value * (1 - 1e-9));
  return (factor ?? 10) * power;
}
