import type { LeaseId } from "@kvorum/base";
import type { Lease } from "./lease.js";
import { leaseLimits } from "./limits.js";
import { TimeHeap } from "./time-heap.js";

/** What the primary proposes about one lease. */
export interface DueCheckpoint {
  readonly id: LeaseId;
  /** What remains of it, rounded up. */
  readonly remainingSeconds: number;
}

const MS_PER_SECOND = 1_000;

/**
 * When to note what remains of which lease: leases with more than an interval left, an interval
 * after they were granted, noted last, or found to be renewed.
 */
export class CheckpointSchedule {
  readonly #heap = new TimeHeap<Lease>();
  readonly #intervalMs: number | undefined;
  /** Entries of revoked leases. */
  #dead = 0;

  /** @param intervalMs undefined: nothing is ever due */
  constructor(intervalMs: number | undefined) {
    this.#intervalMs = intervalMs;
  }

  /** Schedules the next checkpoint of `lease`, if it is long enough and none is scheduled. */
  add(lease: Lease, nowMs: number): void {
    if (this.#intervalMs === undefined || lease.checkpointMs !== Number.POSITIVE_INFINITY) return;
    const seconds = lease.remainingSeconds > 0 ? lease.remainingSeconds : lease.ttlSeconds;
    if (seconds * MS_PER_SECOND <= this.#intervalMs) return;
    lease.checkpointMs = nowMs + this.#intervalMs;
    this.#heap.push(lease.checkpointMs, lease);
  }

  /** `lease` was revoked. Its entry goes when it is due, or when half of all are dead. */
  remove(lease: Lease): void {
    if (lease.checkpointMs === Number.POSITIVE_INFINITY) return;
    this.#dead++;
    if (this.#dead < leaseLimits.deadEntriesMin || 2 * this.#dead < this.#heap.size) return;
    this.#heap.sweep((_, each) => !each.isRevoked);
    this.#dead = 0;
  }

  /** Forgets everything; the caller resets `checkpointMs` of the leases. */
  clear(): void {
    this.#heap.clear();
    this.#dead = 0;
  }

  /** Each lease is scheduled anew when its checkpoint is applied. */
  takeDue(nowMs: number, limit: number): DueCheckpoint[] {
    const due: DueCheckpoint[] = [];
    while (due.length < limit && this.#heap.firstMs <= nowMs) {
      const lease = this.#heap.pop()!;
      lease.checkpointMs = Number.POSITIVE_INFINITY;
      if (lease.isRevoked) this.#dead--;
      if (lease.isRevoked || lease.expiryMs <= nowMs) continue;
      const remainingSeconds = Math.ceil((lease.expiryMs - nowMs) / MS_PER_SECOND);
      // Just renewed: there is nothing to note, but there may be next time.
      if (remainingSeconds >= lease.ttlSeconds) this.add(lease, nowMs);
      else due.push({ id: lease.id, remainingSeconds });
    }
    return due;
  }
}
