import type { ApiErrorName, etcdserverpb } from "@kvorum/api";
import { type LeaseId, latin1ToBytes } from "@kvorum/base";
import type { Lessor } from "@kvorum/mvcc";
import type { AuthInfo } from "./auth-info.js";
import type { AuthStore } from "./auth-store.js";
import type { Access } from "./range-permissions.js";

type Refusal = ApiErrorName | undefined;

const NO_BYTES = new Uint8Array(0);

/**
 * Why a user may not make a request on keys, undefined if they may. Asked where a read is served and
 * where a write is applied. The lessor is asked for the keys of leases: who attaches a key to a
 * lease must be allowed to write all keys that stand and fall with it.
 * Source: etcd server/etcdserver/apply/auth.go.
 */
export class RequestRefusals {
  readonly #auth: AuthStore;
  readonly #lessor: () => Lessor;

  constructor(auth: AuthStore, lessor: () => Lessor) {
    this.#auth = auth;
    this.#lessor = lessor;
  }

  range(who: AuthInfo, request: etcdserverpb.RangeRequest): Refusal {
    return this.#auth.accessRefusal(who, "read", request);
  }

  put(who: AuthInfo, { key, lease, prevKv }: etcdserverpb.PutRequest): Refusal {
    const single = { key, rangeEnd: NO_BYTES };
    return (
      this.#auth.accessRefusal(who, "write", single) ??
      this.leaseKeys(who, "write", lease) ??
      (prevKv ? this.#auth.accessRefusal(who, "read", single) : undefined)
    );
  }

  deleteRange(who: AuthInfo, request: etcdserverpb.DeleteRangeRequest): Refusal {
    return (
      this.#auth.accessRefusal(who, "write", request) ??
      (request.prevKv ? this.#auth.accessRefusal(who, "read", request) : undefined)
    );
  }

  /** Both branches count, whichever will be taken. */
  txn(who: AuthInfo, { compare, success, failure }: etcdserverpb.TxnRequest): Refusal {
    for (const compared of compare) {
      const refusal = this.#auth.accessRefusal(who, "read", compared);
      if (refusal !== undefined) return refusal;
    }
    return this.#ops(who, success) ?? this.#ops(who, failure);
  }

  /** All keys of a lease, one that doesn't exist having none. Root need not ask for each key. */
  leaseKeys(who: AuthInfo, access: Access, lease: LeaseId): Refusal {
    if (this.#auth.adminRefusal(who) === undefined) return undefined;
    for (const key of this.#lessor().timeToLive(lease)?.keys ?? []) {
      const single = { key: latin1ToBytes(key), rangeEnd: NO_BYTES };
      const refusal = this.#auth.accessRefusal(who, access, single);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #ops(who: AuthInfo, ops: readonly etcdserverpb.RequestOp[]): Refusal {
    for (const { request } of ops) {
      const refusal = this.#op(who, request);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #op(who: AuthInfo, request: etcdserverpb.RequestOp["request"]): Refusal {
    switch (request?.$case) {
      case "requestRange":
        return this.range(who, request.value);
      case "requestPut":
        return this.put(who, request.value);
      case "requestDeleteRange":
        return this.deleteRange(who, request.value);
      case "requestTxn":
        return this.txn(who, request.value);
      default:
        return undefined;
    }
  }
}
