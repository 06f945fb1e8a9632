import type { ClientError } from "./client-error.js";
import type { KeepListener, LeaseKeeper } from "./lease-keeper.js";
import type { LeaseKeepAliveResponse } from "./responses.js";

/**
 * Keeps one lease alive from now on, whether or not it is iterated. Iterating yields the newest
 * renewals and ends when the lease has expired or was revoked; it throws the ClientError that made
 * it impossible to go on. `stop` leaves the lease to run out by itself.
 */
export class LeaseKeepAlive implements AsyncIterable<LeaseKeepAliveResponse> {
  readonly id: bigint;
  /** Resolves when the lease is kept alive no longer; undefined means expired, revoked or stopped. */
  readonly ended: Promise<ClientError | undefined>;
  readonly #keeper: LeaseKeeper;
  /** The newest renewal that was not read; older ones say nothing that it does not. */
  #latest: LeaseKeepAliveResponse | undefined;
  #end: { readonly error: ClientError | undefined } | undefined;
  #wake: (() => void) | undefined;
  #resolveEnded: (error: ClientError | undefined) => void = () => undefined;
  readonly #listener: KeepListener = {
    onResponse: (response) => {
      this.#latest = response;
      this.#wake?.();
    },
    onEnd: (error) => this.#finish(error),
  };

  constructor(keeper: LeaseKeeper, id: bigint) {
    this.id = id;
    this.#keeper = keeper;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    keeper.keep(id, this.#listener);
  }

  stop(): void {
    if (this.#end !== undefined) return;
    this.#keeper.release(this.id, this.#listener);
    this.#finish(undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LeaseKeepAliveResponse, void, undefined> {
    for (;;) {
      const response = this.#latest;
      this.#latest = undefined;
      if (response !== undefined) {
        yield response;
      } else if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #finish(error: ClientError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#resolveEnded(error);
    this.#wake?.();
  }
}
