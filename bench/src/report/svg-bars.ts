import { escapeHtml } from "./format.js";

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The least and the most of the rounds, drawn as a whisker. */
  readonly low: number;
  readonly high: number;
  /** Behind the bar. */
  readonly text: string;
  readonly color: string;
}

const ROW = 26;
const LABEL_WIDTH = 130;
const BAR_WIDTH = 360;
const TEXT_WIDTH = 230;

/** Horizontal bars from zero, one under the other. */
export function svgBars(bars: readonly Bar[]): string {
  const most = Math.max(...bars.map((bar) => Math.max(bar.value, bar.high)), Number.MIN_VALUE);
  const x = (value: number): number => LABEL_WIDTH + (value / most) * BAR_WIDTH;
  const rows = bars.map((bar, i) => {
    const middle = i * ROW + ROW / 2;
    const end = x(Math.max(bar.value, bar.high)) + 8;
    const [low, high] = [x(bar.low).toFixed(1), x(bar.high).toFixed(1)];
    return (
      `<text x="${LABEL_WIDTH - 8}" y="${middle + 4}" text-anchor="end">${escapeHtml(bar.label)}</text>` +
      `<rect x="${LABEL_WIDTH}" y="${middle - 8}" width="${(x(bar.value) - LABEL_WIDTH).toFixed(1)}" height="16" rx="2" fill="${bar.color}"/>` +
      `<path class="whisker" d="M${low} ${middle}H${high}M${low} ${middle - 4}v8M${high} ${middle - 4}v8"/>` +
      `<text x="${end.toFixed(1)}" y="${middle + 4}">${escapeHtml(bar.text)}</text>`
    );
  });
  const width = LABEL_WIDTH + BAR_WIDTH + TEXT_WIDTH;
  const height = bars.length * ROW;
  return `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">${rows.join("")}</svg>`;
}
