import { type ApiErrorName, apiError } from "@kvorum/api";
import type { Clock, Timer } from "@kvorum/base";
import type { StreamCall } from "@kvorum/grpc";
import { fail } from "./reply.js";

/** Election time-outs without a leader after which streams that need one end. Source: etcd. */
const LEADERLESS_TICKS_MAX = 3;

/** The streaming calls under way: those that asked for a leader end when it is lost. */
export class OpenStreams {
  readonly #streams = new Map<StreamCall, { readonly needsLeader: boolean }>();
  readonly #hasLeader: () => boolean;
  readonly #timer: Timer;
  #leaderlessTicks = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly electionTimeoutMs: number;
    readonly hasLeader: () => boolean;
  }) {
    this.#hasLeader = options.hasLeader;
    this.#timer = options.clock.every(options.electionTimeoutMs, () => this.#look());
  }

  add(call: StreamCall, options: { readonly needsLeader: boolean }): void {
    this.#streams.set(call, options);
  }

  delete(call: StreamCall): void {
    this.#streams.delete(call);
  }

  /** Ends all: streams without an end would keep a server from draining. */
  stop(): void {
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
      if (isChosen(options)) fail(call, apiError(error));
    }
  }
}
