import { type ApiErrorName, apiError } from "@kvorum/api";
import type { Clock, Timer } from "@kvorum/base";
import type { StreamCall } from "@kvorum/grpc";
import { fail } from "./reply.js";

/** Election time-outs without a leader after which streams that need one end. Source: etcd. */
const LEADERLESS_TICKS_MAX = 3;

/** A stream, or what stands for a unary call that waits for others. */
export type Lasting = Pick<StreamCall, "fail"> & Partial<Pick<StreamCall, "onCancel">>;

/**
 * The calls under way that need not end by themselves: those that asked for a leader end when it is
 * lost, and all when the member stops.
 */
export class OpenStreams {
  readonly #streams = new Map<Lasting, { readonly needsLeader: boolean }>();
  readonly #hasLeader: () => boolean;
  readonly #timer: Timer;
  #leaderlessTicks = 0;
  #isStopped = false;

  constructor(options: {
    readonly clock: Clock;
    readonly electionTimeoutMs: number;
    readonly hasLeader: () => boolean;
  }) {
    this.#hasLeader = options.hasLeader;
    this.#timer = options.clock.every(options.electionTimeoutMs, () => this.#look());
  }

  /** @throws ApiError "stopped" after the stop */
  add(call: Lasting, options: { readonly needsLeader: boolean }): void {
    if (this.#isStopped) throw apiError("stopped");
    this.#streams.set(call, options);
  }

  delete(call: Lasting): void {
    this.#streams.delete(call);
  }

  /** Ends all: calls without an end would keep a server from draining. */
  stop(): void {
    this.#isStopped = true;
    this.#timer.clear();
    this.#fail("stopped", () => true);
  }

  #look(): void {
    this.#leaderlessTicks = this.#hasLeader() ? 0 : this.#leaderlessTicks + 1;
    if (this.#leaderlessTicks < LEADERLESS_TICKS_MAX) return;
    this.#fail("noLeader", ({ needsLeader }) => needsLeader);
  }

  #fail(error: ApiErrorName, isChosen: (options: { readonly needsLeader: boolean }) => boolean) {
    for (const [call, options] of [...this.#streams]) {
      if (!isChosen(options)) continue;
      fail(call, apiError(error));
      // The handler's work for the call ends, as it does when the client goes.
      call.onCancel?.();
    }
  }
}
