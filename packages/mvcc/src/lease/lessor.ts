import { apiError, leasepb, limits } from "@kvorum/api";
import { bigintToBytes, type Clock, type LeaseId } from "@kvorum/base";
import type { LeaseAttachments } from "../types.js";
import type { BufferedStore } from "../write-buffer-port.js";
import { CheckpointSchedule, type DueCheckpoint } from "./checkpoint-schedule.js";
import { ExpiryQueue } from "./expiry-queue.js";
import type { Lease } from "./lease.js";
import { leaseLimits } from "./limits.js";
import { spreadExpiries } from "./spread-expiries.js";

export interface LessorOptions {
  /** Keeps a `leasepb.Lease` for each lease in bucket "lease", under its id in 8 bytes. */
  readonly store: BufferedStore;
  readonly clock: Clock;
  /** Shorter TTLs are raised to this. */
  readonly minTtlSeconds: number;
  /** How often the primary notes what remains of long leases; undefined: never. */
  readonly checkpointIntervalMs?: number | undefined;
  /** Whether checkpoints are written to the store: from cluster version 3.6 on. */
  readonly persistsCheckpoints?: () => boolean;
  /** What the lessor counted whose place this one takes, to count on. */
  readonly counters?: Omit<LessorCounters, "leases"> | undefined;
}

/** Why a lease wasn't renewed: names of the API's errors. */
export type RenewRefusal = "leaseNotFound" | "notPrimaryLessor";
/** @param outcome the granted TTL in seconds, or a refusal */
export type RenewCallback = (outcome: number | RenewRefusal) => void;

export interface LeaseStatus {
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  /** Attached keys, one character a byte, in no order. */
  readonly keys: readonly string[];
}

/** Figures for the metrics page; the last three only grow, since the member started. */
export interface LessorCounters {
  readonly leases: number;
  readonly granted: number;
  readonly revoked: number;
  readonly renewed: number;
}

/** What Go's `time.Duration` calls forever, in seconds: the TTL of a lease that isn't counted here. */
const FOREVER_SECONDS = 9_223_372_036;
const MS_PER_SECOND = 1_000;

/**
 * Leases: their records, the keys attached to them, and, on the primary (the Raft leader), the time
 * they have left. The counterpart of etcd's lessor.
 *
 * `grant`, `revoke`, `checkpoint`, `attach` and `detach` apply committed entries and depend on the
 * entry and the state alone. Time is the primary's own: nothing that is stored depends on it, and
 * the end of a lease becomes true only by a revoke that goes through the log.
 */
export class Lessor implements LeaseAttachments {
  readonly #store: BufferedStore;
  readonly #clock: Clock;
  readonly #minTtlSeconds: number;
  readonly #persistsCheckpoints: () => boolean;
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #byKey = new Map<string, Lease>();
  readonly #expiry = new ExpiryQueue();
  readonly #checkpoints: CheckpointSchedule;
  /** Renewals of expired leases that wait for the revoke or for the end of the primacy. */
  readonly #waiting = new Map<Lease, RenewCallback[]>();
  readonly #counters: { granted: number; revoked: number; renewed: number };
  #isPrimary = false;

  constructor(options: LessorOptions) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#minTtlSeconds = options.minTtlSeconds;
    this.#persistsCheckpoints = options.persistsCheckpoints ?? (() => true);
    const { granted = 0, revoked = 0, renewed = 0 } = options.counters ?? {};
    this.#counters = { granted, revoked, renewed };
    this.#checkpoints = new CheckpointSchedule(options.checkpointIntervalMs);
  }

  /**
   * Replaces everything by the store's records, without attachments: the mvcc store attaches every
   * key afterwards. The lessor is not the primary then.
   */
  async load(): Promise<void> {
    const records = await this.#store.entries("lease");
    this.demote();
    this.#leases.clear();
    this.#byKey.clear();
    for (const [, record] of records) {
      const { ID, TTL, RemainingTTL } = leasepb.Lease.decode(record);
      const lease = newLease(ID, Math.max(TTL, this.#minTtlSeconds));
      lease.remainingSeconds = RemainingTTL;
      this.#leases.set(ID, lease);
    }
  }

  get isPrimary(): boolean {
    return this.#isPrimary;
  }

  get counters(): LessorCounters {
    return { leases: this.#leases.size, ...this.#counters };
  }

  /**
   * @param ttlSeconds raised to the least TTL
   * @returns the granted TTL in seconds
   * @throws ApiError leaseNotFound for id 0, leaseTtlTooLarge, leaseExists; in this order
   */
  grant(id: LeaseId, ttlSeconds: number): number {
    if (id === 0n) throw apiError("leaseNotFound");
    if (ttlSeconds > limits.leaseTtlSecondsMax) throw apiError("leaseTtlTooLarge");
    if (this.#leases.has(id)) throw apiError("leaseExists");
    const lease = newLease(id, Math.max(ttlSeconds, this.#minTtlSeconds));
    this.#leases.set(id, lease);
    this.#persist(lease);
    this.#counters.granted++;
    if (this.#isPrimary) {
      const nowMs = this.#clock.nowMs();
      lease.expiryMs = nowMs + lease.ttlSeconds * MS_PER_SECOND;
      this.#expiry.add(lease);
      this.#checkpoints.add(lease, nowMs);
    }
    return lease.ttlSeconds;
  }

  /**
   * Ends a lease. `deleteKeys` is called with its keys in byte order, to delete them in one
   * transaction of the store (which detaches them); then the record is deleted, in the same batch.
   * @throws ApiError leaseNotFound
   */
  revoke(id: LeaseId, deleteKeys: (keys: readonly string[]) => void): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw apiError("leaseNotFound");
    deleteKeys([...lease.keys].sort());
    for (const key of lease.keys) this.#byKey.delete(key);
    lease.keys.clear();
    lease.isRevoked = true;
    this.#leases.delete(id);
    this.#expiry.remove(lease);
    this.#checkpoints.remove(lease);
    this.#store.delete("lease", bigintToBytes(id));
    this.#counters.revoked++;
    this.#settle(lease, "leaseNotFound");
  }

  /**
   * Gives a lease its full time again; only the primary can. `done` is called before this returns,
   * but for a lease that has expired: then once it is revoked, or this is no longer the primary.
   * A lease with a checkpoint (`hasCheckpoint`) must be given checkpoint 0 through the log first,
   * otherwise it gets no more than that.
   */
  renew(id: LeaseId, done: RenewCallback): void {
    if (!this.#isPrimary) {
      done("notPrimaryLessor");
      return;
    }
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      done("leaseNotFound");
      return;
    }
    if (lease.expiryMs <= this.#clock.nowMs()) {
      const waiting = this.#waiting.get(lease);
      if (waiting === undefined) this.#waiting.set(lease, [done]);
      else waiting.push(done);
      return;
    }
    lease.expiryMs = this.#clock.nowMs() + secondsLeft(lease) * MS_PER_SECOND;
    this.#expiry.add(lease);
    this.#counters.renewed++;
    done(lease.ttlSeconds);
  }

  /** A renewal has to be preceded by checkpoint 0. */
  hasCheckpoint(id: LeaseId): boolean {
    return (this.#leases.get(id)?.remainingSeconds ?? 0) > 0;
  }

  /** Whole seconds left, truncated. Undefined for an unknown lease; meaningful on the primary. */
  timeToLive(id: LeaseId): LeaseStatus | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    const leftMs = lease.expiryMs - this.#clock.nowMs();
    const seconds = Math.trunc(leftMs / MS_PER_SECOND) || 0;
    return {
      ttlSeconds: Math.min(seconds, FOREVER_SECONDS),
      grantedTtlSeconds: lease.ttlSeconds,
      keys: [...lease.keys],
    };
  }

  /** All leases, those that expire first first. */
  leases(): LeaseId[] {
    const sorted = [...this.#leases.values()].sort(byExpiry);
    return sorted.map((lease) => lease.id);
  }

  has(id: LeaseId): boolean {
    return this.#leases.has(id);
  }

  /** A key that names a lease which doesn't exist is attached to none. */
  attach(options: {
    readonly key: string;
    readonly lease: LeaseId;
    readonly previous: LeaseId;
  }): void {
    const { key } = options;
    const lease = this.#leases.get(options.lease);
    const previous = this.#byKey.get(key);
    if (previous === lease) return;
    previous?.keys.delete(key);
    if (lease === undefined) {
      this.#byKey.delete(key);
      return;
    }
    lease.keys.add(key);
    this.#byKey.set(key, lease);
  }

  /** A no-op when `key` is attached to another lease or to none. */
  detach(options: { readonly key: string; readonly lease: LeaseId }): void {
    const { key } = options;
    const lease = this.#byKey.get(key);
    if (lease === undefined || lease.id !== options.lease) return;
    lease.keys.delete(key);
    this.#byKey.delete(key);
  }

  /** The lease that `key` is attached to, or 0. */
  leaseOf(key: string): LeaseId {
    return this.#byKey.get(key)?.id ?? 0n;
  }

  /**
   * This member became the leader: every lease has its checkpointed or full time again, and
   * `extendMs` (an election timeout) more. Many leases are spread out, so that they don't all
   * expire at once.
   */
  promote(extendMs: number): void {
    this.#isPrimary = true;
    this.#expiry.clear();
    this.#checkpoints.clear();
    const nowMs = this.#clock.nowMs();
    const leases = [...this.#leases.values()];
    for (const lease of leases) {
      lease.expiryMs = nowMs + secondsLeft(lease) * MS_PER_SECOND + extendMs;
    }
    if (leases.length >= leaseLimits.spreadFrom) spreadExpiries(leases.sort(byExpiry));
    for (const lease of leases) {
      lease.queuedMs = Number.POSITIVE_INFINITY;
      lease.checkpointMs = Number.POSITIVE_INFINITY;
      this.#expiry.add(lease);
      this.#checkpoints.add(lease, nowMs);
    }
  }

  /** This member is the leader no more: no lease expires here. */
  demote(): void {
    this.#isPrimary = false;
    this.#expiry.clear();
    this.#checkpoints.clear();
    for (const lease of this.#leases.values()) {
      lease.expiryMs = Number.POSITIVE_INFINITY;
      lease.queuedMs = Number.POSITIVE_INFINITY;
      lease.checkpointMs = Number.POSITIVE_INFINITY;
    }
    for (const lease of [...this.#waiting.keys()]) this.#settle(lease, "notPrimaryLessor");
  }

  /** Notes what remains of a lease, for the next primary. An unknown lease is ignored. */
  checkpoint(id: LeaseId, remainingSeconds: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.remainingSeconds = remainingSeconds;
    if (this.#persistsCheckpoints()) this.#persist(lease);
    if (this.#isPrimary) this.#checkpoints.add(lease, this.#clock.nowMs());
  }

  /**
   * At most `limit` leases that have expired and should be revoked now. The same lease is named
   * again 3 s later if it is still there, so a revoke that failed is retried. Empty unless primary.
   */
  expired(limit: number = leaseLimits.expiredPerPassMax): LeaseId[] {
    if (!this.#isPrimary) return [];
    return this.#expiry.takeExpired(this.#clock.nowMs(), limit);
  }

  /** Checkpoints to propose now, at most `limit`. Empty unless primary. */
  dueCheckpoints(limit: number = leaseLimits.checkpointsPerProposalMax): DueCheckpoint[] {
    if (!this.#isPrimary) return [];
    return this.#checkpoints.takeDue(this.#clock.nowMs(), limit);
  }

  #persist(lease: Lease): void {
    const record = leasepb.Lease.encode({
      ID: lease.id,
      TTL: lease.ttlSeconds,
      RemainingTTL: lease.remainingSeconds,
    });
    this.#store.put("lease", bigintToBytes(lease.id), record.finish());
  }

  #settle(lease: Lease, refusal: RenewRefusal): void {
    const waiting = this.#waiting.get(lease);
    if (waiting === undefined) return;
    this.#waiting.delete(lease);
    for (const done of waiting) done(refusal);
  }
}

function newLease(id: LeaseId, ttlSeconds: number): Lease {
  return {
    id,
    ttlSeconds,
    remainingSeconds: 0,
    expiryMs: Number.POSITIVE_INFINITY,
    queuedMs: Number.POSITIVE_INFINITY,
    checkpointMs: Number.POSITIVE_INFINITY,
    keys: new Set(),
    isRevoked: false,
  };
}

function secondsLeft(lease: Lease): number {
  return lease.remainingSeconds > 0 ? lease.remainingSeconds : lease.ttlSeconds;
}

function byExpiry(left: Lease, right: Lease): number {
  // Infinity minus Infinity is no number, and all leases of a follower are alike.
  if (left.expiryMs === right.expiryMs) return 0;
  return left.expiryMs < right.expiryMs ? -1 : 1;
}
