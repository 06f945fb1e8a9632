import type { Clock } from "../clock.js";

/** The machine's clock. */
export const nodeClock: Clock = {
  wallMs: () => Date.now(),
  nowMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return { clear: () => clearTimeout(timer) };
  },
  every(periodMs, callback) {
    const timer = setInterval(callback, periodMs);
    timer.unref();
    return { clear: () => clearInterval(timer) };
  },
  soon: (callback) => {
    setImmediate(callback);
  },
};
