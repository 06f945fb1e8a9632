/** A broken invariant: the state of the process can't be trusted any more, so nothing may catch it. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * Stays on in production. Throws `InvariantError` when `condition` is false; the process is meant to
 * end with it, because acknowledging further requests from a broken state loses data.
 * @param message what should have held, with the values that broke it
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/**
 * For a check that runs once an entry or once a request: `assert` would put its message together
 * each time, and numbers make that dearer than the check.
 */
export function violated(message: string): never {
  throw new InvariantError(message);
}

/**
 * For whoever catches all that may go wrong in a piece of work, to log or answer it: throws a broken
 * invariant on, which is nobody's to handle.
 */
export function rethrowInvariant(error: unknown): void {
  if (error instanceof InvariantError) throw error;
}

/** The default branch of an exhaustive switch: a compile error when a case is missing. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected value: ${String(value)}`);
}
