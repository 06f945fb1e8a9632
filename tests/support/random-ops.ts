import { etcdserverpb } from "@kvorum/api";
import type { Prng } from "@kvorum/base";
import { deleteRange, kv, lease, put, range } from "./rpc.js";

/** A request of the differential test, with what it needs to be sent and compared. */
export type RandomOp =
  | { readonly kind: "range"; readonly request: etcdserverpb.RangeRequest }
  | { readonly kind: "put"; readonly request: etcdserverpb.PutRequest }
  | { readonly kind: "deleteRange"; readonly request: etcdserverpb.DeleteRangeRequest }
  | { readonly kind: "txn"; readonly request: etcdserverpb.TxnRequest }
  | { readonly kind: "compact"; readonly request: etcdserverpb.CompactionRequest }
  | { readonly kind: "leaseGrant"; readonly request: etcdserverpb.LeaseGrantRequest }
  | { readonly kind: "leaseRevoke"; readonly request: etcdserverpb.LeaseRevokeRequest }
  | { readonly kind: "leaseTimeToLive"; readonly request: etcdserverpb.LeaseTimeToLiveRequest };

export const METHODS = {
  range: kv.range,
  put: kv.put,
  deleteRange: kv.deleteRange,
  txn: kv.txn,
  compact: kv.compact,
  leaseGrant: lease.leaseGrant,
  leaseRevoke: lease.leaseRevoke,
  leaseTimeToLive: lease.leaseTimeToLive,
} as const;

const KEYS = 40;
const LEASES = 8;
/** Long enough never to expire during a test. */
const TTL_SECONDS = 100_000;

/**
 * Draws requests over a small space of keys and leases, so that they meet. Revisions are drawn
 * around the current one, which the caller keeps up to date.
 */
export class RandomOps {
  readonly #prng: Prng;
  revision = 1;
  compacted = 0;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  next(): RandomOp {
    const draw = this.#prng.below(1000);
    if (draw < 380) return { kind: "put", request: this.#put() };
    if (draw < 740) return { kind: "range", request: this.#range() };
    if (draw < 800) return { kind: "deleteRange", request: this.#deleteRange() };
    if (draw < 940) return { kind: "txn", request: this.#txn(2) };
    if (draw < 945) return { kind: "compact", request: this.#compact() };
    if (draw < 965) {
      return { kind: "leaseGrant", request: { ID: this.#lease(), TTL: TTL_SECONDS } };
    }
    if (draw < 975) return { kind: "leaseRevoke", request: { ID: this.#lease() } };
    return { kind: "leaseTimeToLive", request: { ID: this.#lease(), keys: true } };
  }

  #chance(percent: number): boolean {
    return this.#prng.below(100) < percent;
  }

  #key(): Buffer {
    if (this.#chance(1)) return Buffer.alloc(0);
    const number = this.#prng.below(KEYS);
    if (number < 4) return Buffer.from([0xff, number, 0]);
    return Buffer.from(`k/${String(number).padStart(2, "0")}`);
  }

  #rangeEnd(): Buffer {
    const draw = this.#prng.below(10);
    if (draw < 5) return Buffer.alloc(0);
    if (draw < 6) return Buffer.from([0]);
    if (draw < 7) return Buffer.from("k0");
    return this.#key();
  }

  #value(): Buffer {
    return Buffer.alloc(this.#prng.below(12), 97 + this.#prng.below(26));
  }

  #lease(): bigint {
    const ids = [...Array(LEASES - 1).keys()].map((i) => BigInt(1000 + i));
    return [...ids, -5n][this.#prng.below(LEASES)]!;
  }

  #put(): etcdserverpb.PutRequest {
    const ignoreValue = this.#chance(4);
    const ignoreLease = this.#chance(4);
    return put({
      key: this.#key(),
      value: ignoreValue && this.#chance(90) ? Buffer.alloc(0) : this.#value(),
      lease: this.#chance(15) && !(ignoreLease && this.#chance(90)) ? this.#lease() : 0n,
      prevKv: this.#chance(30),
      ignoreValue,
      ignoreLease,
    });
  }

  #deleteRange(): etcdserverpb.DeleteRangeRequest {
    const rangeEnd = this.#chance(70) ? Buffer.alloc(0) : this.#rangeEnd();
    return deleteRange({ key: this.#key(), rangeEnd, prevKv: this.#chance(50) });
  }

  /** 0, or near the current revision, now and then too old or too new. */
  #someRevision(): number {
    if (this.#chance(60)) return 0;
    return Math.max(1, this.revision + 3 - this.#prng.below(40));
  }

  #range(): etcdserverpb.RangeRequest {
    const bound = () => (this.#chance(10) ? Math.max(1, this.revision - this.#prng.below(60)) : 0);
    return range({
      key: this.#key(),
      rangeEnd: this.#rangeEnd(),
      limit: this.#chance(30) ? this.#prng.below(8) : 0,
      revision: this.#someRevision(),
      sortOrder: this.#chance(40) ? this.#prng.below(3) : 0,
      sortTarget: this.#chance(40) ? this.#prng.below(5) : 0,
      serializable: this.#chance(30),
      keysOnly: this.#chance(15),
      countOnly: this.#chance(10),
      minModRevision: bound(),
      maxModRevision: bound(),
      minCreateRevision: bound(),
      maxCreateRevision: bound(),
    });
  }

  #compare(): etcdserverpb.Compare {
    const { Compare } = etcdserverpb;
    const target = this.#prng.below(5);
    const number = target === 0 ? this.#prng.below(4) : this.revision - this.#prng.below(30);
    const union = [
      { $case: "version" as const, value: number },
      { $case: "createRevision" as const, value: number },
      { $case: "modRevision" as const, value: number },
      { $case: "value" as const, value: this.#value() },
      { $case: "lease" as const, value: this.#lease() },
    ];
    return {
      ...Compare.decode(new Uint8Array()),
      result: this.#prng.below(4),
      target,
      key: this.#key(),
      targetUnion: this.#chance(5) ? undefined : union[this.#chance(97) ? target : 0],
      rangeEnd: this.#chance(20) ? this.#rangeEnd() : Buffer.alloc(0),
    };
  }

  #txn(depth: number): etcdserverpb.TxnRequest {
    const ops = () => Array.from({ length: this.#prng.below(4) }, () => this.#requestOp(depth));
    return {
      compare: Array.from({ length: this.#prng.below(3) }, () => this.#compare()),
      success: ops(),
      failure: ops(),
    };
  }

  #requestOp(depth: number): etcdserverpb.RequestOp {
    const draw = this.#prng.below(depth > 0 ? 110 : 90);
    if (draw < 40) return { request: { $case: "requestPut", value: this.#put() } };
    if (draw < 75) return { request: { $case: "requestRange", value: this.#range() } };
    if (draw < 89) return { request: { $case: "requestDeleteRange", value: this.#deleteRange() } };
    if (draw < 90) return { request: undefined };
    return { request: { $case: "requestTxn", value: this.#txn(depth - 1) } };
  }

  #compact(): etcdserverpb.CompactionRequest {
    return { revision: this.revision - this.#prng.below(60), physical: this.#chance(50) };
  }
}
