import type { Clock } from "@kvorum/base";
import { observeLimits } from "./limits.js";

interface Tally {
  second: number;
  count: number;
}

/** Thins a flood of equal lines: the first hundred of a second pass, then each hundredth. */
export class LogSampler {
  readonly #clock: Clock;
  readonly #tallies = new Map<string, Tally>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  admits(level: string, message: string): boolean {
    const second = Math.floor(this.#clock.nowMs() / 1000);
    const key = `${level}:${message}`;
    const tally = this.#tallies.get(key);
    if (tally === undefined) {
      if (this.#tallies.size >= observeLimits.sampledMessagesMax) this.#tallies.clear();
      this.#tallies.set(key, { second, count: 1 });
      return true;
    }
    if (tally.second !== second) {
      tally.second = second;
      tally.count = 0;
    }
    tally.count++;
    const { sampleFirst, sampleThereafter } = observeLimits;
    return tally.count <= sampleFirst || (tally.count - sampleFirst) % sampleThereafter === 0;
  }
}
