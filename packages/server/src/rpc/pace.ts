import type { StreamCall } from "@kvorum/grpc";

/**
 * Keeps a long answer at the pace of its client. Owns the call's `onDrain` and `onCancel`; make it
 * before anything is waited for, so that no end of the call is missed.
 */
export class Pace {
  #isOver: boolean;
  #wake: (() => void) | undefined;

  constructor(call: StreamCall) {
    this.#isOver = call.cancelled;
    const wake = () => {
      const waiting = this.#wake;
      this.#wake = undefined;
      waiting?.();
    };
    call.onDrain = wake;
    // Also told when the call was ended for another reason, such as the member's stop.
    call.onCancel = () => {
      this.#isOver = true;
      wake();
    };
  }

  /** Nobody takes the answer any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when the client has taken what was sent, or the answer is over. */
  drained(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
