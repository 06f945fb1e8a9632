/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/**
 * How far the values lie apart, as a part of their median: (max - min) / median; 0 of one value.
 */
export function spread(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const middle = median(values);
  if (middle === 0) return 0;
  return (Math.max(...values) - Math.min(...values)) / middle;
}

/**
 * How `values` compare with `reference`, run by run, where runs with one index were made one after
 * the other: the median of the quotients, so that what slowed down both runs of a pair cancels out.
 */
export function pairedRatio(values: readonly number[], reference: readonly number[]): number {
  const pairs = Math.min(values.length, reference.length);
  const quotients: number[] = [];
  for (let i = 0; i < pairs; i++) {
    if (reference[i]! > 0) quotients.push(values[i]! / reference[i]!);
  }
  return median(quotients);
}
