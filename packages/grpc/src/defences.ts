import { ErrorCode, Http2Error } from "./http2-error.js";
import type { TransportLimits } from "./limits.js";

/** Tokens that come back at a steady rate, up to a burst. */
class TokenBucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #lastMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#tokens = burst;
    this.#lastMs = nowMs;
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#lastMs) * this.#perMs);
    this.#lastMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

/**
 * Ends connections that keep the server busy with frames that cost their sender nothing. Pings have
 * their own rule (`Keepalive`), CONTINUATION its own limits (`HeaderAssembly`).
 */
export class FloodGuard {
  readonly #resets: TokenBucket;
  readonly #settings: TokenBucket;
  readonly #idleFrames: TokenBucket;

  constructor(limits: TransportLimits, nowMs: number) {
    this.#resets = new TokenBucket(limits.resetBurst, limits.resetsPerSecond, nowMs);
    this.#settings = new TokenBucket(limits.settingsBurst, limits.settingsPerSecond, nowMs);
    this.#idleFrames = new TokenBucket(limits.idleFrameBurst, limits.idleFramesPerSecond, nowMs);
  }

  /** A stream was reset by the client, or by this end because of what the client did. */
  onReset(nowMs: number): void {
    if (!this.#resets.take(nowMs)) throw calm("too many resets");
  }

  onSettings(nowMs: number): void {
    if (!this.#settings.take(nowMs)) throw calm("too many settings");
  }

  /** A frame that moves nothing. */
  onIdleFrame(nowMs: number): void {
    if (!this.#idleFrames.take(nowMs)) throw calm("too many empty frames");
  }
}

function calm(reason: string): Http2Error {
  return new Http2Error(ErrorCode.ENHANCE_YOUR_CALM, reason);
}
