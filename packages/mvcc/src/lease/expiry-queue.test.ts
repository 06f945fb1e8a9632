import { expect, it } from "vitest";
import { ExpiryQueue } from "./expiry-queue.js";
import type { Lease } from "./lease.js";
import { leaseLimits } from "./limits.js";

function leaseOf(id: number, expiryMs: number): Lease {
  const never = Number.POSITIVE_INFINITY;
  const times = { expiryMs, queuedMs: never, checkpointMs: never };
  const keys = new Set<string>();
  return { id: BigInt(id), ttlSeconds: 60, remainingSeconds: 0, ...times, keys, isRevoked: false };
}

it("makes no entry for a renewal, and finds the new time when the old one comes", () => {
  const queue = new ExpiryQueue();
  const lease = leaseOf(1, 100);
  queue.add(lease);
  for (let expiryMs = 101; expiryMs <= 1_000; expiryMs++) {
    lease.expiryMs = expiryMs;
    queue.add(lease);
  }
  expect(queue.entries).toBe(1);
  expect(queue.takeExpired(999, 10)).toEqual([]);
  expect(queue.takeExpired(1_000, 10)).toEqual([1n]);
});

it("obeys an expiry that was moved forward", () => {
  const queue = new ExpiryQueue();
  const lease = leaseOf(1, 1_000);
  queue.add(lease);
  lease.expiryMs = 10;
  queue.add(lease);
  expect(queue.takeExpired(10, 10)).toEqual([1n]);
  expect(queue.takeExpired(1_000, 10)).toEqual([]);
  expect(queue.takeExpired(10 + leaseLimits.expiredRetryMs, 10)).toEqual([1n]);
  expect(queue.entries).toBe(1);
});

it("holds no more dead entries than live ones, beyond a first thousand", () => {
  const queue = new ExpiryQueue();
  let entriesMax = 0;
  for (let id = 0; id < 20_000; id++) {
    const lease = leaseOf(id, 1_000_000 + id);
    queue.add(lease);
    lease.isRevoked = true;
    queue.remove(lease);
    entriesMax = Math.max(entriesMax, queue.entries);
  }
  expect(entriesMax).toBeLessThanOrEqual(leaseLimits.deadEntriesMin);
  expect(queue.takeExpired(10_000_000, 10)).toEqual([]);
});
