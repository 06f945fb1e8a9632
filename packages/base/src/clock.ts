/** A timer that was set; `clear` is safe to call at any time and more than once. */
export interface Timer {
  clear(): void;
}

/**
 * Time as a port, so that a whole cluster runs in simulated time. No other place calls `Date.now`,
 * `performance.now`, `setTimeout` or `setInterval`.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. For timestamps shown to people and for ids. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start, with fractions; never goes back. For durations. */
  nowMs(): number;
  /** Runs `callback` once after `delayMs`. */
  after(delayMs: number, callback: () => void): Timer;
  /** Runs `callback` every `periodMs` until cleared; never keeps the process alive by itself. */
  every(periodMs: number, callback: () => void): Timer;
  /** Runs `callback` after the IO events at hand, before any timer. */
  soon(callback: () => void): void;
}
