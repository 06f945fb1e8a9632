import { round, svg, svgText } from "./svg-elements.js";

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
  const x = (value: number): number => round(LABEL_WIDTH + (value / most) * BAR_WIDTH);
  const rows = bars.map((bar, i) => {
    const middle = i * ROW + ROW / 2;
    const [low, high] = [x(bar.low), x(bar.high)];
    const box = `x="${LABEL_WIDTH}" y="${middle - 8}" height="16" rx="2"`;
    const ends = `M${low} ${middle - 4}v8M${high} ${middle - 4}v8`;
    return [
      svgText(LABEL_WIDTH - 8, middle + 4, bar.label, { anchor: "end" }),
      `<rect ${box} width="${round(x(bar.value) - LABEL_WIDTH)}" fill="${bar.color}"/>`,
      `<path class="whisker" d="M${low} ${middle}H${high}${ends}"/>`,
      svgText(x(Math.max(bar.value, bar.high)) + 8, middle + 4, bar.text),
    ].join("");
  });
  return svg(LABEL_WIDTH + BAR_WIDTH + TEXT_WIDTH, bars.length * ROW, rows.join(""));
}
