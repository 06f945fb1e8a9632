import type { Clock, Timer } from "@kvorum/base";
import { ErrorCode, Http2Error } from "./http2-error.js";
import type { TransportLimits } from "./limits.js";

export interface KeepaliveOptions {
  /** A client that pings more often than this is told to go away: --grpc-keepalive-min-time. */
  readonly minTimeMs: number;
  /** A connection silent for this long is pinged: --grpc-keepalive-interval. */
  readonly intervalMs: number;
  /** ... and closed when it stays silent for this long after: --grpc-keepalive-timeout. */
  readonly timeoutMs: number;
}

/** setTimeout's longest delay; a longer interval is as good as none. */
const TIMER_MS_MAX = 0x7fff_ffff;

interface KeepaliveHost {
  sendPing(): void;
  /** The far end is gone. */
  onSilence(): void;
}

/** Both directions of keepalive: what clients may do, and what the server does itself. */
export class Keepalive {
  readonly #options: KeepaliveOptions;
  readonly #limits: TransportLimits;
  readonly #clock: Clock;
  readonly #host: KeepaliveHost;
  #strikes = 0;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  /** When bytes last came in; kept by the connection. */
  lastReadMs: number;

  constructor(
    options: KeepaliveOptions,
    limits: TransportLimits,
    clock: Clock,
    host: KeepaliveHost,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#clock = clock;
    this.#host = host;
    this.lastReadMs = clock.nowMs();
    this.#watch(options.intervalMs);
  }

  /**
   * Judges a client's ping by grpc-go's rule: a ping after the server has sent HEADERS or DATA is
   * free (clients measure bandwidth with it), others must keep their distance.
   * @throws Http2Error ENHANCE_YOUR_CALM "too_many_pings", the text that clients look for
   */
  onPing(
    nowMs: number,
    context: { readonly hasSent: boolean; readonly hasStreams: boolean },
  ): void {
    const sinceMs = nowMs - this.#lastPingMs;
    this.#lastPingMs = nowMs;
    if (context.hasSent) {
      this.#strikes = 0;
      return;
    }
    const distanceMs = context.hasStreams
      ? this.#options.minTimeMs
      : this.#limits.idlePingIntervalMs;
    if (sinceMs < distanceMs) this.#strikes++;
    if (this.#strikes > this.#limits.pingStrikesMax) {
      throw new Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings");
    }
  }

  close(): void {
    this.#timer?.clear();
  }

  #watch(delayMs: number): void {
    if (!(delayMs > 0 && delayMs <= TIMER_MS_MAX)) return;
    this.#timer = this.#clock.after(delayMs, () => {
      const silentMs = this.#clock.nowMs() - this.lastReadMs;
      if (silentMs < this.#options.intervalMs) this.#watch(this.#options.intervalMs - silentMs);
      else this.#ping();
    });
  }

  #ping(): void {
    const sentMs = this.#clock.nowMs();
    this.#host.sendPing();
    this.#timer = this.#clock.after(this.#options.timeoutMs, () => {
      if (this.lastReadMs >= sentMs) this.#watch(this.#options.intervalMs);
      else this.#host.onSilence();
    });
  }
}
