import type { Clock, Timer } from "@kvorum/base";

interface Alarm extends Timer {
  dueMs: number;
  readonly periodMs: number | undefined;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #soon: (() => void)[] = [];
  readonly #alarms = new Set<Alarm>();

  wallMs(): number {
    return this.#nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#add(delayMs, undefined, callback);
  }

  every(periodMs: number, callback: () => void): Timer {
    return this.#add(periodMs, periodMs, callback);
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  get hasSoon(): boolean {
    return this.#soon.length > 0;
  }

  /** Runs what was asked for so far; what that asks for runs in the next call. */
  runSoon(): void {
    const callbacks = this.#soon;
    this.#soon = [];
    for (const callback of callbacks) callback();
  }

  /** Moves time, running what becomes due in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: Alarm | undefined;
      for (const alarm of this.#alarms) {
        if (alarm.dueMs <= endMs && (next === undefined || alarm.dueMs < next.dueMs)) next = alarm;
      }
      if (next === undefined) break;
      this.#nowMs = next.dueMs;
      if (next.periodMs === undefined) this.#alarms.delete(next);
      else next.dueMs += next.periodMs;
      next.callback();
    }
    this.#nowMs = endMs;
  }

  #add(delayMs: number, periodMs: number | undefined, callback: () => void): Timer {
    const alarms = this.#alarms;
    const alarm: Alarm = {
      dueMs: this.#nowMs + delayMs,
      periodMs,
      callback,
      clear: () => alarms.delete(alarm),
    };
    alarms.add(alarm);
    return alarm;
  }
}
