import { type Clock, hexId, type MemberId, messageOf, type Timer } from "@kvorum/base";
import { formatGoDuration } from "../config/go-text.js";
import type { Logger } from "../observe/logger.js";
import type { Dialer } from "./dialer.js";
import { callPeer } from "./http-call.js";
import { peerLimits } from "./limits.js";
import { PeerError } from "./peer-error.js";
import type { PeerCells } from "./peer-metrics.js";

export interface ProberOptions {
  readonly peerId: MemberId;
  readonly urls: readonly string[];
  readonly dialer: Dialer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cells: PeerCells;
  readonly signal: AbortSignal;
}

/** etcd probes over each of its two HTTP clients and names them in the log; here they are one. */
const ROUND_TRIPPERS = ["ROUND_TRIPPER_SNAPSHOT", "ROUND_TRIPPER_RAFT_MESSAGE"] as const;
/** Weight of the newest round trip in the smoothed time. Source: xiang90/probing */
const NEWEST_WEIGHT = 0.125;

/** Asks a peer for a sign of life all the while, and says in the log when it gives none. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #probe: Timer;
  #report: Timer;
  #pinned = 0;
  #isProbing = false;
  #isHealthy = false;
  #failure: string | undefined;
  #roundTripMs = 0;
  #clockDriftMs = 0;

  constructor(options: ProberOptions) {
    this.#options = options;
    const { clock } = options;
    this.#probe = clock.every(peerLimits.probeMs, () => void this.#ask());
    // Soon, so that what is wrong from the start is said early.
    this.#report = clock.after(peerLimits.probeLogUnhealthyMs, () => this.#log());
  }

  stop(): void {
    this.#probe.clear();
    this.#report.clear();
  }

  async #ask(): Promise<void> {
    const { urls, dialer, clock, signal } = this.#options;
    const url = urls[this.#pinned];
    if (url === undefined || this.#isProbing || signal.aborted) return;
    this.#isProbing = true;
    const startMs = clock.nowMs();
    try {
      const { status, body } = await callPeer(
        { dialer, clock },
        {
          url,
          path: "/raft/probing",
          method: "GET",
          headers: {},
          signal,
          body: undefined,
          timeoutMs: peerLimits.probeTimeoutMs,
          answerBytesMax: peerLimits.answerBytesMax,
        },
      );
      this.#take(readProbe(status, body, url), clock.nowMs() - startMs);
    } catch (error) {
      this.#failure = messageOf(error);
      this.#isHealthy = false;
      this.#pinned = (this.#pinned + 1) % urls.length;
    } finally {
      this.#isProbing = false;
    }
  }

  #take(remoteWallMs: number, roundTripMs: number): void {
    const before = this.#roundTripMs === 0 ? roundTripMs : this.#roundTripMs;
    this.#roundTripMs = before * (1 - NEWEST_WEIGHT) + roundTripMs * NEWEST_WEIGHT;
    this.#clockDriftMs = this.#options.clock.wallMs() - remoteWallMs - this.#roundTripMs / 2;
    this.#isHealthy = true;
    this.#failure = undefined;
  }

  #log(): void {
    const { peerId, clock, logger, cells, signal } = this.#options;
    if (signal.aborted) return;
    for (const name of ROUND_TRIPPERS) {
      const fields = { "round-tripper-name": name, "remote-peer-id": hexId(peerId) };
      const rtt = formatGoDuration(Math.round(this.#roundTripMs * 1e6));
      const error = this.#failure;
      if (!this.#isHealthy) {
        logger.warn("prober detected unhealthy status", { ...fields, rtt, error });
      }
      if (this.#clockDriftMs > peerLimits.clockDriftMs) {
        const driftNs = Math.round(this.#clockDriftMs * 1e6);
        const drift = { "clock-drift": formatGoDuration(driftNs) };
        logger.warn("prober found high clock drift", { ...fields, ...drift, rtt, error });
      }
      cells.roundTripSeconds.observe(this.#roundTripMs / 1000);
    }
    const { probeLogHealthyMs, probeLogUnhealthyMs } = peerLimits;
    const delayMs = this.#isHealthy ? probeLogHealthyMs : probeLogUnhealthyMs;
    this.#report = clock.after(delayMs, () => this.#log());
  }
}

/** @returns the far end's time, in milliseconds since the epoch */
function readProbe(status: number, body: Buffer, url: string): number {
  if (status !== 200) {
    throw new PeerError("REFUSED", `got unexpected HTTP status code ${status} from ${url}`, {
      status,
    });
  }
  try {
    const { OK, Now } = JSON.parse(body.toString("utf8")) as { OK?: boolean; Now?: string };
    const wallMs = Date.parse(Now ?? "");
    if (OK === true && !Number.isNaN(wallMs)) return wallMs;
  } catch {
    // Told below.
  }
  throw new PeerError("MALFORMED", `no answer to a probe from ${url}`);
}
