import type { Lease } from "./lease.js";
import { leaseLimits } from "./limits.js";

const WINDOW_MS = 1_000;

/**
 * Moves expiries so that no second holds more than `expiriesPerSecondMax` of them: each lease
 * expires at least a second after the one that many places before it. None expires earlier.
 * @param leases sorted by expiry
 */
export function spreadExpiries(leases: readonly Lease[]): void {
  const { expiriesPerSecondMax } = leaseLimits;
  for (let i = expiriesPerSecondMax; i < leases.length; i++) {
    const earliestMs = leases[i - expiriesPerSecondMax]!.expiryMs + WINDOW_MS;
    const lease = leases[i]!;
    if (lease.expiryMs < earliestMs) lease.expiryMs = earliestMs;
  }
}
