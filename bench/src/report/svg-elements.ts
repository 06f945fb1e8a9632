import { escapeHtml } from "./format.js";

/** A whole drawing of `width` by `height` pixels. */
export function svg(width: number, height: number, content: string): string {
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return `<svg ${size} role="img">${content}</svg>`;
}

export interface TextOptions {
  readonly anchor?: "start" | "middle" | "end";
  /** Dim, as titles of axes are. */
  readonly isTitle?: boolean;
  /** Reads upwards. */
  readonly isUpright?: boolean;
}

export function svgText(x: number, y: number, text: string, options: TextOptions = {}): string {
  const place = `x="${round(x)}" y="${round(y)}"`;
  const anchor = options.anchor === undefined ? "" : ` text-anchor="${options.anchor}"`;
  const turn = options.isUpright ? ` transform="rotate(-90 ${round(x)} ${round(y)})"` : "";
  const style = options.isTitle ? ` class="title"` : "";
  return `<text ${place}${anchor}${turn}${style}>${escapeHtml(text)}</text>`;
}

/** Tenths of a pixel are as fine as anybody sees. */
export function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
