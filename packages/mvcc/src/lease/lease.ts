import type { LeaseId } from "@kvorum/base";

/** A lease as the lessor keeps it. Times are milliseconds of `Clock.nowMs`. */
export interface Lease {
  readonly id: LeaseId;
  /** As granted, in seconds. */
  readonly ttlSeconds: number;
  /** The last checkpoint, in seconds; 0: none since the last renewal. */
  remainingSeconds: number;
  /** Infinity on a member that isn't the primary. */
  expiryMs: number;
  /** Where its entry stands in the expiry heap, at most `expiryMs`; Infinity: it has none. */
  queuedMs: number;
  /** The same in the checkpoint heap. */
  checkpointMs: number;
  /** Attached keys, one character a byte. */
  readonly keys: Set<string>;
  isRevoked: boolean;
}
