import type { Timer } from "@kvorum/base";
import { Status, type StatusCode, type StreamCall, type UnaryCall } from "@kvorum/grpc";
import type { CallContext } from "./call-context.js";
import type { Refusal } from "./refusal.js";

const DEADLINE: Refusal = {
  code: Status.DEADLINE_EXCEEDED,
  message: "context deadline exceeded",
};

/** The call that ends, and what its deadline does. */
export interface CallEndOptions {
  readonly call: UnaryCall | StreamCall;
  /** Answers a call whose deadline passed. */
  readonly onDeadline: (refusal: Refusal) => void;
}

/** Sees to it that a call ends once, and that its observer is told if its handler was called. */
export class CallEnd {
  readonly #context: CallContext;
  readonly #options: CallEndOptions;
  readonly #timer: Timer | undefined;
  #hasBegun = false;
  #isOver = false;
  #isCancelled = false;

  constructor(context: CallContext, options: CallEndOptions) {
    this.#context = context;
    this.#options = options;
    const { clock, deadlineMs } = context;
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(0, deadlineMs - clock.nowMs()), TIMER_MS_MAX);
    this.#timer = clock.after(delayMs, () => this.#expire());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** The handler was called. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** @returns whether the handler should be called now: not when the deadline has passed */
  begin(): boolean {
    const { clock, deadlineMs } = this.#context;
    if (clock.nowMs() >= deadlineMs) this.#expire();
    this.#hasBegun = !this.#isOver;
    return this.#hasBegun;
  }

  /** @returns false when the call is over already, and must not be answered */
  finish(code: StatusCode): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#timer?.clear();
    const { route, onOver } = this.#context;
    if (this.#hasBegun) route.method.observer?.ended(this.#options.call, code);
    onOver();
    return true;
  }

  /** The same, told to the handler, who is still at work. */
  cancel(code: StatusCode): boolean {
    if (this.#isOver) return false;
    this.#isCancelled = true;
    this.finish(code);
    this.#options.call.onCancel?.();
    return true;
  }

  #expire(): void {
    if (this.cancel(DEADLINE.code)) this.#options.onDeadline(DEADLINE);
  }
}

/** Node's timers end at once when they are set for longer. */
const TIMER_MS_MAX = 2 ** 31 - 1;
