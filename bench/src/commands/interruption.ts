const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Takes the signals that end a process, so that a long run can end in good order. */
export interface Interruption {
  isInterrupted(): boolean;
  /** Gives the signals back. */
  release(): void;
}

/** From now on a first signal is only noted; a second one ends the process. */
export function catchInterruption(): Interruption {
  let isInterrupted = false;
  const before = SIGNALS.map((signal) => [signal, process.listeners(signal)] as const);
  for (const signal of SIGNALS) process.removeAllListeners(signal);
  const note = (): void => {
    if (isInterrupted) process.exit(130);
    isInterrupted = true;
    process.stderr.write(
      "\nEnding after this step with what was measured; once more ends at once\n",
    );
  };
  for (const signal of SIGNALS) process.on(signal, note);
  return {
    isInterrupted: () => isInterrupted,
    release() {
      for (const [signal, listeners] of before) {
        process.removeListener(signal, note);
        for (const listener of listeners) process.on(signal, listener);
      }
    },
  };
}
