import { BackendError } from "../port.js";

/**
 * Whether a store may be used. It goes one way:
 *
 *     open --fail--> failed --close--> closed
 *       \-------------close------------/
 *
 * A failed store answers every call with its first error until it is closed and opened again: after
 * a commit that failed nothing is known about what the engine holds in memory.
 */
export class Health {
  readonly #path: string;
  #failure: BackendError | undefined;
  #closed = false;

  /** @param path what to name in the "CLOSED" error */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws BackendError the first failure, or "CLOSED" */
  check(): void {
    if (this.#failure !== undefined || this.#closed) throw this.#error();
  }

  /** Records a failure and returns the first one. */
  fail(error: BackendError): BackendError {
    if (!this.#closed) this.#failure ??= error;
    return this.#failure ?? error;
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  #error(): BackendError {
    if (!this.#closed && this.#failure !== undefined) return this.#failure;
    return new BackendError("CLOSED", `${this.#path}: the store is closed`);
  }
}
