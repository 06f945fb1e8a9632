import { leasepb } from "@kvorum/api";
import { bigintToBytes, type LeaseId } from "@kvorum/base";
import { beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../watch/testing/manual-clock.js";
import { Lessor } from "./lessor.js";
import { FakeBufferedStore } from "./testing/fake-buffered-store.js";

const MINUTE_MS = 60_000;
let store: FakeBufferedStore;
let clock: ManualClock;
let lessor: Lessor;

function make(options?: { readonly persists?: boolean }): Lessor {
  return new Lessor({
    store,
    clock,
    minTtlSeconds: 2,
    checkpointIntervalMs: 5 * MINUTE_MS,
    persistsCheckpoints: () => options?.persists !== false,
  });
}

function record(id: LeaseId): leasepb.Lease | undefined {
  const bytes = store.get("lease", bigintToBytes(id));
  return bytes && leasepb.Lease.decode(bytes);
}

function renew(id: LeaseId): unknown {
  let outcome: unknown = "waits";
  lessor.renew(id, (settled) => {
    outcome = settled;
  });
  return outcome;
}

function revoke(id: LeaseId): readonly string[] {
  let deleted: readonly string[] = [];
  lessor.revoke(id, (keys) => {
    deleted = keys;
    for (const key of keys) lessor.detach({ key, lease: id });
  });
  return deleted;
}

beforeEach(() => {
  store = new FakeBufferedStore();
  clock = new ManualClock();
  lessor = make();
});

describe("grant", () => {
  it("raises the TTL to the least one and keeps a record", () => {
    expect(lessor.grant(7n, 1)).toBe(2);
    expect(lessor.grant(8n, -5)).toBe(2);
    expect(lessor.grant(-1n, 60)).toBe(60);
    expect(record(7n)).toEqual({ ID: 7n, TTL: 2, RemainingTTL: 0 });
    expect(record(-1n)).toEqual({ ID: -1n, TTL: 60, RemainingTTL: 0 });
    expect(lessor.has(-1n)).toBe(true);
    expect(lessor.has(9n)).toBe(false);
  });

  it("refuses in etcd's order: id 0, a TTL too large, an id in use", () => {
    lessor.grant(7n, 9_000_000_000);
    expect(() => lessor.grant(0n, 9_000_000_001)).toThrow("requested lease not found");
    expect(() => lessor.grant(7n, 9_000_000_001)).toThrow("too large lease TTL");
    expect(() => lessor.grant(7n, 5)).toThrow("lease already exists");
    expect(lessor.counters).toEqual({ leases: 1, granted: 1, revoked: 0, renewed: 0 });
  });
});

describe("attachments", () => {
  it("moves a key from lease to lease, and names each lease's keys", () => {
    lessor.grant(1n, 60);
    lessor.grant(2n, 60);
    lessor.attach({ key: "b", lease: 1n, previous: 0n });
    lessor.attach({ key: "a", lease: 1n, previous: 0n });
    lessor.attach({ key: "b", lease: 2n, previous: 1n });
    expect(lessor.leaseOf("b")).toBe(2n);
    expect(lessor.timeToLive(1n)?.keys).toEqual(["a"]);
    lessor.detach({ key: "b", lease: 1n });
    expect(lessor.leaseOf("b")).toBe(2n);
    lessor.detach({ key: "b", lease: 2n });
    expect(lessor.leaseOf("b")).toBe(0n);
  });

  it("takes a key that names a missing lease off the one it had", () => {
    lessor.grant(1n, 60);
    lessor.attach({ key: "a", lease: 1n, previous: 0n });
    lessor.attach({ key: "a", lease: 9n, previous: 1n });
    expect(lessor.leaseOf("a")).toBe(0n);
    expect(lessor.timeToLive(1n)?.keys).toEqual([]);
  });
});

describe("revoke", () => {
  it("deletes the keys in byte order before the record", () => {
    lessor.grant(1n, 60);
    for (const key of ["b", "\xff", "a", "a\0"]) lessor.attach({ key, lease: 1n, previous: 0n });
    store.operations.length = 0;
    lessor.revoke(1n, (keys) => {
      store.operations.push(...keys);
      expect(lessor.has(1n)).toBe(true);
    });
    expect(store.operations).toEqual(["a", "a\0", "b", "\xff", "delete lease 0000000000000001"]);
    expect(record(1n)).toBeUndefined();
    expect(lessor.leaseOf("a")).toBe(0n);
    expect(() => revoke(1n)).toThrow("requested lease not found");
  });
});

describe("the primary", () => {
  it("counts down, truncates to whole seconds and renews to the full TTL", () => {
    lessor.promote(0);
    lessor.grant(1n, 60);
    clock.advance(10_500);
    expect(lessor.timeToLive(1n)).toEqual({ ttlSeconds: 49, grantedTtlSeconds: 60, keys: [] });
    expect(renew(1n)).toBe(60);
    expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(60);
    expect(renew(2n)).toBe("leaseNotFound");
    expect(lessor.timeToLive(2n)).toBeUndefined();
  });

  it("adds the extension when promoted and forgets time when demoted", () => {
    lessor.grant(1n, 60);
    expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(9_223_372_036);
    expect(renew(1n)).toBe("notPrimaryLessor");
    lessor.promote(1_500);
    expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(61);
    lessor.demote();
    clock.advance(10 * MINUTE_MS);
    expect(lessor.expired()).toEqual([]);
    lessor.promote(0);
    expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(60);
  });

  it("names expired leases, at most as many as asked for, and again when not revoked", () => {
    lessor.promote(0);
    for (let id = 1n; id <= 5n; id++) lessor.grant(id, 10);
    clock.advance(9_999);
    expect(lessor.expired()).toEqual([]);
    clock.advance(1);
    expect(lessor.expired(3)).toHaveLength(3);
    expect(lessor.expired(3)).toHaveLength(2);
    expect(lessor.expired(3)).toEqual([]);
    expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(0);
    revoke(1n);
    clock.advance(3_000);
    expect(lessor.expired().sort()).toEqual([2n, 3n, 4n, 5n]);
  });

  it("lets a renewal of an expired lease wait for the revoke or the demotion", () => {
    lessor.promote(0);
    lessor.grant(1n, 10);
    lessor.grant(2n, 10);
    clock.advance(10_000);
    const outcomes: unknown[] = [];
    lessor.renew(1n, (outcome) => outcomes.push(1, outcome));
    lessor.renew(1n, (outcome) => outcomes.push(1, outcome));
    lessor.renew(2n, (outcome) => outcomes.push(2, outcome));
    expect(outcomes).toEqual([]);
    revoke(1n);
    expect(outcomes).toEqual([1, "leaseNotFound", 1, "leaseNotFound"]);
    lessor.demote();
    expect(outcomes.slice(4)).toEqual([2, "notPrimaryLessor"]);
  });

  it("sorts leases by what remains", () => {
    lessor.promote(0);
    lessor.grant(1n, 30);
    lessor.grant(2n, 10);
    lessor.grant(3n, 20);
    expect(lessor.leases()).toEqual([2n, 3n, 1n]);
  });

  it("spreads the expiry of many leases after a promotion", () => {
    for (let id = 1n; id <= 4_000n; id++) lessor.grant(id, 10);
    lessor.promote(0);
    clock.advance(9_999);
    expect(lessor.expired(10_000)).toEqual([]);
    clock.advance(1);
    const first = lessor.expired(10_000);
    expect(first).toHaveLength(750);
    for (const id of first) revoke(id);
    for (const expected of [750, 750, 750, 750, 250]) {
      clock.advance(999);
      expect(lessor.expired(10_000)).toEqual([]);
      clock.advance(1);
      const now = lessor.expired(10_000);
      expect(now).toHaveLength(expected);
      for (const id of now) revoke(id);
    }
  });
});

describe("checkpoints", () => {
  it("are due an interval after the grant, and then after each checkpoint", () => {
    lessor.promote(0);
    lessor.grant(1n, 1_000);
    lessor.grant(2n, 300);
    clock.advance(5 * MINUTE_MS - 1);
    expect(lessor.dueCheckpoints()).toEqual([]);
    clock.advance(1);
    expect(lessor.dueCheckpoints()).toEqual([{ id: 1n, remainingSeconds: 700 }]);
    expect(lessor.dueCheckpoints()).toEqual([]);
    lessor.checkpoint(1n, 700);
    expect(record(1n)?.RemainingTTL).toBe(700);
    clock.advance(5 * MINUTE_MS);
    expect(lessor.dueCheckpoints()).toEqual([{ id: 1n, remainingSeconds: 400 }]);
  });

  it("skip a lease that was just renewed, until the next interval", () => {
    lessor.promote(0);
    lessor.grant(1n, 1_000);
    clock.advance(5 * MINUTE_MS);
    renew(1n);
    expect(lessor.dueCheckpoints()).toEqual([]);
    clock.advance(5 * MINUTE_MS);
    expect(lessor.dueCheckpoints()).toEqual([{ id: 1n, remainingSeconds: 700 }]);
  });

  it("limit the time after a promotion and a renewal, until one of 0", () => {
    lessor.grant(1n, 1_000);
    lessor.checkpoint(1n, 400);
    lessor.checkpoint(9n, 400);
    lessor.promote(1_000);
    expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(401);
    expect(lessor.hasCheckpoint(1n)).toBe(true);
    lessor.checkpoint(1n, 0);
    expect(lessor.hasCheckpoint(1n)).toBe(false);
    expect(renew(1n)).toBe(1_000);
    expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(1_000);
  });

  it("shorten a lease's time when it is renewed without one of 0", () => {
    lessor.promote(0);
    lessor.grant(1n, 1_000);
    lessor.checkpoint(1n, 10);
    renew(1n);
    clock.advance(10_000);
    expect(lessor.expired()).toEqual([1n]);
    clock.advance(1_000_000);
    revoke(1n);
    expect(lessor.expired()).toEqual([]);
  });

  it("stay in memory while the cluster version is below 3.6", () => {
    lessor = make({ persists: false });
    lessor.grant(1n, 1_000);
    lessor.checkpoint(1n, 400);
    expect(record(1n)?.RemainingTTL).toBe(0);
    lessor.promote(0);
    expect(lessor.timeToLive(1n)?.ttlSeconds).toBe(400);
  });
});

describe("load", () => {
  it("reads the records, with a least TTL and without attachments", async () => {
    lessor.grant(1n, 2);
    lessor.grant(-2n, 1_000);
    lessor.checkpoint(-2n, 400);
    lessor.attach({ key: "a", lease: 1n, previous: 0n });
    const loaded = new Lessor({ store, clock, minTtlSeconds: 5 });
    await loaded.load();
    loaded.promote(0);
    expect(loaded.timeToLive(1n)).toEqual({ ttlSeconds: 5, grantedTtlSeconds: 5, keys: [] });
    expect(loaded.timeToLive(-2n)).toEqual({ ttlSeconds: 400, grantedTtlSeconds: 1_000, keys: [] });
    expect(loaded.leaseOf("a")).toBe(0n);
  });

  it("replaces what was there and ends the primacy", async () => {
    lessor.promote(0);
    lessor.grant(1n, 60);
    store.delete("lease", bigintToBytes(1n));
    await lessor.load();
    expect(lessor.isPrimary).toBe(false);
    expect(lessor.leases()).toEqual([]);
  });
});
