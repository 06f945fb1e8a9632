/** Resolves to the first of the signals that is aborted. */
export function firstAborted(...signals: readonly AbortSignal[]): Promise<AbortSignal> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve(signal);
      else signal.addEventListener("abort", () => resolve(signal), { once: true });
    }
  });
}
