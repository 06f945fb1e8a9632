import type { LeaseId } from "@kvorum/base";
import type { Lease } from "./lease.js";
import { leaseLimits } from "./limits.js";
import { TimeHeap } from "./time-heap.js";

/**
 * The leases in order of expiry. A renewal only moves `lease.expiryMs`; the heap learns of it when
 * the lease's entry comes to the top, once a TTL at most. So a renewal costs nothing here, however
 * many leases there are.
 */
export class ExpiryQueue {
  readonly #heap = new TimeHeap<Lease>();
  /** Entries that are known to be dead. */
  #dead = 0;

  get entries(): number {
    return this.#heap.size;
  }

  /** `lease` expires at its `expiryMs`, which is not before that of an entry it already has. */
  add(lease: Lease): void {
    if (lease.queuedMs !== Number.POSITIVE_INFINITY) {
      if (lease.queuedMs <= lease.expiryMs) return;
      this.#bury();
    }
    this.#push(lease, lease.expiryMs);
  }

  /** `lease` was revoked. Its entry goes when it comes to the top, or when half of all are dead. */
  remove(lease: Lease): void {
    if (lease.queuedMs !== Number.POSITIVE_INFINITY) this.#bury();
  }

  /** Forgets all entries; the caller resets `queuedMs` of the leases. */
  clear(): void {
    this.#heap.clear();
    this.#dead = 0;
  }

  /** Leases that have expired, at most `limit`; each is named again after the retry period. */
  takeExpired(nowMs: number, limit: number): LeaseId[] {
    const expired: LeaseId[] = [];
    while (expired.length < limit && this.#heap.firstMs <= nowMs) {
      const timeMs = this.#heap.firstMs;
      const lease = this.#heap.pop()!;
      if (!isLive(timeMs, lease)) {
        this.#dead--;
        continue;
      }
      if (lease.expiryMs > nowMs) {
        this.#push(lease, lease.expiryMs);
        continue;
      }
      expired.push(lease.id);
      this.#push(lease, nowMs + leaseLimits.expiredRetryMs);
    }
    return expired;
  }

  #bury(): void {
    this.#dead++;
    if (this.#dead < leaseLimits.deadEntriesMin || 2 * this.#dead < this.#heap.size) return;
    this.#heap.sweep(isLive);
    this.#dead = 0;
  }

  #push(lease: Lease, timeMs: number): void {
    lease.queuedMs = timeMs;
    this.#heap.push(timeMs, lease);
  }
}

/** An entry that the lease doesn't know of any more was overtaken by an earlier one. */
function isLive(timeMs: number, lease: Lease): boolean {
  return !lease.isRevoked && lease.queuedMs === timeMs;
}
