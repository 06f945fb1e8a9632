/** Nearer to the reference than this part is neither better nor worse. */
const EVEN = 0.05;

/**
 * The class that colours a cell.
 * @param ratio to the reference; above 1 is better
 */
export function grade(ratio: number): string {
  if (ratio >= 2) return "best";
  if (ratio > 1 + EVEN) return "good";
  return ratio < 1 - EVEN ? "bad" : "even";
}
