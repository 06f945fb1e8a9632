/**
 * Counts values by fixed upper bounds. `observe` is a short scan and two additions, without
 * allocation; most values fall into the first buckets, so the scan is shorter than a binary search.
 */
export class Histogram {
  /** Upper bounds, ascending, each inclusive; the bound +Inf is implied. */
  readonly bounds: readonly number[];
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  /** @param value in the unit of the bounds, for most histograms seconds */
  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Values at or below each bound, then all of them: what Prometheus calls cumulative buckets. */
  cumulativeCounts(): readonly number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => (total += count));
  }
}

/** `count` bounds from `start`, each `factor` times the one before. Source: Prometheus' client. */
export function exponentialBounds(
  start: number,
  { factor, count }: { readonly factor: number; readonly count: number },
): readonly number[] {
  const bounds: number[] = [];
  for (let bound = start; bounds.length < count; bound *= factor) bounds.push(bound);
  return bounds;
}
