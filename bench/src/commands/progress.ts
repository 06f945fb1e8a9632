import { SingleBar } from "cli-progress";

/** Tells on stderr how far a run is. */
export interface Progress {
  onStep(step: string, done: number, total: number): void;
  /** Clears the bar. */
  stop(): void;
}

/** Lines a run without a terminal prints at most, so that a log stays readable. */
const LINES_MAX = 40;

/** A bar on a terminal, which is gone when the run is over; a line now and then elsewhere. */
export function createProgress(): Progress {
  return process.stderr.isTTY ? createBar() : createLines();
}

function createBar(): Progress {
  const format = "{bar} {percentage} % | {value} of {total} steps | {eta_formatted} left | {step}";
  const bar = new SingleBar({
    ...{ format, clearOnComplete: true, hideCursor: true, barsize: 24, etaBuffer: 30 },
    stream: process.stderr,
  });
  let isStarted = false;
  return {
    onStep(step, done, total) {
      if (isStarted) bar.update(done, { step });
      else bar.start(total, done, { step });
      isStarted = true;
    },
    stop: () => bar.stop(),
  };
}

function createLines(): Progress {
  let next = 0;
  return {
    onStep(step, done, total) {
      if (done < next) return;
      process.stderr.write(`${done} of ${total} steps: ${step}\n`);
      next = done + total / LINES_MAX;
    },
    stop: () => undefined,
  };
}
