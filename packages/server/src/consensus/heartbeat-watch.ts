import type { Clock, MemberId } from "@kvorum/base";
import { type Message, MessageType } from "@kvorum/raft";

export interface HeartbeatWatchOptions {
  readonly clock: Clock;
  readonly heartbeatIntervalMs: number;
  /** A heartbeat left later than two intervals after the one before, by this much. */
  readonly onLate: (to: MemberId, exceededMs: number) => void;
}

/**
 * Sees a leader that sends heartbeats late, for example because its disk is slow: followers may
 * elect another then. The counterpart of etcd's contention detector.
 */
export class HeartbeatWatch {
  readonly #options: HeartbeatWatchOptions;
  /** When the last heartbeat to each member left. */
  readonly #sentMs = new Map<MemberId, number>();
  #late = 0;

  constructor(options: HeartbeatWatchOptions) {
    this.#options = options;
  }

  /** Heartbeats that left late, for the metrics. */
  get late(): number {
    return this.#late;
  }

  sending(messages: readonly Message[]): void {
    for (const { type, to } of messages) if (type === MessageType.Heartbeat) this.#sent(to);
  }

  /** This member begins to lead: what lies between two of its terms is nobody's fault. */
  reset(): void {
    this.#sentMs.clear();
  }

  #sent(to: MemberId): void {
    const { clock, heartbeatIntervalMs, onLate } = this.#options;
    const nowMs = clock.nowMs();
    const exceededMs = nowMs - (this.#sentMs.get(to) ?? nowMs) - 2 * heartbeatIntervalMs;
    this.#sentMs.set(to, nowMs);
    if (exceededMs <= 0) return;
    this.#late++;
    onLate(to, exceededMs);
  }
}
