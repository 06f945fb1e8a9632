import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

/** The longest latency told apart, in microseconds: ten minutes. */
const LATENCY_MAX_US = 600_000_000;

/** The percentiles of a report, by name; "max" and "mean" stand beside them. */
export interface LatencySummary {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
}

/** A point of a percentile curve: `fraction` of all took at most `latencyUs`. */
export interface CurvePoint {
  readonly fraction: number;
  readonly latencyUs: number;
}

/**
 * Latencies in an HDR histogram: microseconds, three significant digits, so that a percentile is
 * right to 0.1 % however far out it lies, and histograms of many processes add up without loss.
 */
export class LatencyHistogram {
  readonly #histogram: Histogram;

  constructor() {
    this.#histogram = build({
      bitBucketSize: 32,
      lowestDiscernibleValue: 1,
      highestTrackableValue: LATENCY_MAX_US,
      numberOfSignificantValueDigits: 3,
    });
  }

  /** @param latencyMs negative counts as 0, what is beyond ten minutes as ten minutes */
  record(latencyMs: number): void {
    const us = Math.round(latencyMs * 1000);
    this.#histogram.recordValue(Math.max(0, Math.min(us, LATENCY_MAX_US)));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** The latency that `fraction` of the requests did not exceed, in microseconds. */
  percentileUs(fraction: number): number {
    return this.#histogram.getValueAtPercentile(fraction * 100);
  }

  summary(): LatencySummary {
    return {
      count: this.#histogram.totalCount,
      meanUs: this.count === 0 ? 0 : this.#histogram.mean,
      p50Us: this.percentileUs(0.5),
      p90Us: this.percentileUs(0.9),
      p99Us: this.percentileUs(0.99),
      p999Us: this.percentileUs(0.999),
      maxUs: this.#histogram.maxValue,
    };
  }

  /** The percentile curve, denser towards the slowest. */
  curve(): CurvePoint[] {
    return CURVE_FRACTIONS.map((fraction) => ({
      fraction,
      latencyUs: this.percentileUs(fraction),
    }));
  }

  add(other: LatencyHistogram): void {
    this.#histogram.add(other.#histogram);
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** Everything in it, as text for another process; `addText` takes it. */
  toText(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  addText(text: string): void {
    this.#histogram.add(decodeFromCompressedBase64(text, 32));
  }
}

const CURVE_FRACTIONS: readonly number[] = [
  0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, 0.995,
  0.9975, 0.999, 0.9995, 0.9999, 1,
];
