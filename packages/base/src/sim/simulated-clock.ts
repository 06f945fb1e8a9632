import type { Clock, Timer } from "../clock.js";
import { nodeClock } from "../node/clock.js";

interface PendingTimer {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly callback: () => void;
  isCleared: boolean;
}

/**
 * Time that stands still until it is advanced. Callbacks run in order of their due time, ties in the
 * order in which they were set, and see `nowMs` at exactly their due time.
 */
export class SimulatedClock implements Clock {
  readonly #wallStartMs: number;
  /** Latest first, so that the next one is at the end. Cleared ones are skipped when they come up. */
  readonly #timers: PendingTimer[] = [];
  #soon: (() => void)[] = [];
  #nowMs = 0;
  #wallSkewMs = 0;

  /** @param wallStartMs milliseconds since the Unix epoch at the start */
  constructor(wallStartMs = 1_700_000_000_000) {
    this.#wallStartMs = wallStartMs;
  }

  wallMs(): number {
    return Math.floor(this.#wallStartMs + this.#wallSkewMs + this.#nowMs);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Makes the wall clock jump, back or forth, as an administrator does; timers don't notice. */
  jumpWall(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#add(Math.max(0, delayMs), undefined, callback);
  }

  every(periodMs: number, callback: () => void): Timer {
    if (!(periodMs > 0)) throw new RangeError(`period of ${periodMs} ms: must be above 0`);
    return this.#add(periodMs, periodMs, callback);
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** When the next callback is due; undefined when there is none. */
  nextDueMs(): number | undefined {
    if (this.#soon.length > 0) return this.#nowMs;
    return this.#earliest()?.dueMs;
  }

  /** Runs everything due within the next `byMs`. Promises that callbacks settle go on afterwards. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    while (this.#runNext(endMs)) {
      // Each pass runs one callback.
    }
    this.#nowMs = endMs;
  }

  /**
   * Like `advance`, but lets promises go on after every callback, so that what they set off within
   * the time happens at its own time. Only promises: real IO is not waited for.
   */
  async run(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await drainMicrotasks();
    while (this.#runNext(endMs)) await drainMicrotasks();
    this.#nowMs = endMs;
  }

  #add(delayMs: number, periodMs: number | undefined, callback: () => void): Timer {
    const dueMs = this.#nowMs + delayMs;
    const timer: PendingTimer = { dueMs, periodMs, callback, isCleared: false };
    this.#insert(timer);
    return {
      clear: () => {
        timer.isCleared = true;
      },
    };
  }

  #insert(timer: PendingTimer): void {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle]!.dueMs > timer.dueMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
  }

  #earliest(): PendingTimer | undefined {
    while (this.#timers.at(-1)?.isCleared) this.#timers.pop();
    return this.#timers.at(-1);
  }

  #runNext(endMs: number): boolean {
    const soon = this.#soon.shift();
    if (soon !== undefined) {
      soon();
      return true;
    }
    const timer = this.#earliest();
    if (timer === undefined || timer.dueMs > endMs) return false;
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    this.#timers.pop();
    if (timer.periodMs !== undefined) {
      timer.dueMs += timer.periodMs;
      this.#insert(timer);
    }
    timer.callback();
    return true;
  }
}

/**
 * Resolves after every promise job at hand. Only a turn of the real event loop tells that there is
 * none left, however many they were.
 */
function drainMicrotasks(): Promise<void> {
  return new Promise((resolve) => nodeClock.soon(resolve));
}
