/**
 * The intended starts of an open loop: `ratePerSecond` calls, in equal groups every `quantumMs`. A
 * group's calls are all meant for its first moment, so a timer of that width can keep the schedule,
 * and a latency counted from there holds every delay, the generator's own among them.
 */
export class Pace {
  readonly #startMs: number;
  readonly #quantumMs: number;
  readonly #perQuantum: number;
  #issued = 0;

  constructor(options: {
    readonly startMs: number;
    readonly ratePerSecond: number;
    readonly quantumMs: number;
  }) {
    this.#startMs = options.startMs;
    this.#quantumMs = options.quantumMs;
    this.#perQuantum = (options.ratePerSecond * options.quantumMs) / 1000;
  }

  /** How many calls should have been started by `nowMs` and have not. */
  due(nowMs: number): number {
    const quanta = Math.floor((nowMs - this.#startMs) / this.#quantumMs) + 1;
    return Math.max(0, Math.floor(quanta * this.#perQuantum + 1e-9) - this.#issued);
  }

  /** Takes the next call from the schedule: when it was to start. */
  take(): number {
    const quantum = Math.ceil((this.#issued + 1) / this.#perQuantum - 1e-9) - 1;
    this.#issued++;
    return this.#startMs + quantum * this.#quantumMs;
  }
}
