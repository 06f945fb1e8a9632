import { LatencyHistogram } from "./latency-histogram.js";
import { RevisionSet } from "./revision-set.js";

/** One slice of a run's timeline. */
export interface TimelinePoint {
  /** Since the start of the measured time. */
  readonly atMs: number;
  readonly ratePerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Kinds of errors told apart; further ones are counted together. */
const ERROR_KINDS_MAX = 32;

/**
 * What a load has seen: latencies of right replies, errors by what they said, a timeline. An error
 * is never an operation, and a reply outside the measured time is neither.
 */
export class Tally {
  readonly latencies = new LatencyHistogram();
  readonly errors = new Map<string, number>();
  /** Right replies at any time, those of the warm-up among them. */
  total = 0;
  readonly #revisions = new RevisionSet();
  readonly #sliceMs: number;
  readonly #slice = new LatencyHistogram();
  readonly #timeline: TimelinePoint[] = [];
  #startMs = Number.POSITIVE_INFINITY;
  #basis: "ends" | "begins" = "ends";
  #endMs = Number.POSITIVE_INFINITY;
  #sliceEndMs = 0;

  /** @param sliceMs width of a point of the timeline */
  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs;
  }

  /**
   * Measures what ends from `startMs` until `endMs`, or what begins then. A load that does not wait
   * for its server is measured by its beginnings, or a call that a stalled server answers too late
   * would be no latency at all.
   */
  measure(startMs: number, endMs: number, basis: "ends" | "begins" = "ends"): void {
    this.#startMs = startMs;
    this.#endMs = endMs;
    this.#basis = basis;
    this.#sliceEndMs = startMs + this.#sliceMs;
  }

  success(startedMs: number, nowMs: number): void {
    this.total++;
    const atMs = this.#basis === "ends" ? nowMs : startedMs;
    if (atMs < this.#startMs || atMs >= this.#endMs) return;
    this.latencies.record(nowMs - startedMs);
    // The timeline shows when replies came, in either case, and ends with the measured time.
    if (nowMs >= this.#endMs) return;
    while (nowMs >= this.#sliceEndMs) this.#closeSlice();
    this.#slice.record(nowMs - startedMs);
  }

  /** Counts in warm-up as well: an error is never nothing. */
  error(what: string): void {
    const known = this.errors.has(what) || this.errors.size < ERROR_KINDS_MAX;
    const key = known ? what : "other errors";
    this.errors.set(key, (this.errors.get(key) ?? 0) + 1);
  }

  /** A revision that a write's reply named; the same one twice is an error. */
  revision(revision: number): void {
    if (!this.#revisions.add(revision)) this.error("two writes were given one revision");
  }

  /** Writes that were answered, those of the warm-up among them. */
  get writes(): number {
    return this.#revisions.count;
  }

  get errorCount(): number {
    let sum = 0;
    for (const count of this.errors.values()) sum += count;
    return sum;
  }

  /** The timeline so far, whole slices only. */
  timeline(untilMs: number): TimelinePoint[] {
    while (this.#sliceEndMs <= Math.min(untilMs, this.#endMs)) this.#closeSlice();
    return this.#timeline;
  }

  #closeSlice(): void {
    this.#timeline.push({
      atMs: Math.round(this.#sliceEndMs - this.#sliceMs - this.#startMs),
      ratePerSecond: Math.round((this.#slice.count * 1000) / this.#sliceMs),
      p50Us: this.#slice.percentileUs(0.5),
      p99Us: this.#slice.percentileUs(0.99),
    });
    this.#slice.reset();
    this.#sliceEndMs += this.#sliceMs;
  }
}
