// Step 4 of the write path: refuse above quotaBytes.
import { type etcdserverpb, limits } from "@kvorum/api";

/**
 * The space quota: a request is accepted while its cost keeps the store strictly below `quotaBytes`.
 * Checked at the API, and again when the entry is applied. Source: etcd server/storage/quota.go.
 */
export class Quota {
  /** Effective bound; 0 when the quota is off. */
  readonly quotaBytes: number;
  readonly #sizeBytes: () => number;

  /** @param configuredBytes --quota-backend-bytes: 0 is the default of 2 GiB, below 0 is off */
  constructor(configuredBytes: number, sizeBytes: () => number) {
    this.quotaBytes =
      configuredBytes < 0 ? 0 : configuredBytes === 0 ? limits.quotaBytesDefault : configuredBytes;
    this.#sizeBytes = sizeBytes;
  }

  /** Whether a request of this cost may be made; one without cost always may. */
  allows(costBytes: number): boolean {
    if (costBytes === 0 || this.quotaBytes === 0) return true;
    return this.#sizeBytes() + costBytes < this.quotaBytes;
  }
}

/** In bytes, as the quota counts a put. */
export function putCost(request: etcdserverpb.PutRequest): number {
  return plainPutCost(request.key.length + request.value.length);
}

/** @param bytes of key and value */
export function plainPutCost(bytes: number): number {
  return limits.quotaPutOverheadBytes + bytes;
}

/** The dearer branch, nested transactions included. 0 for one that puts nothing on either branch. */
export function txnCost(request: etcdserverpb.TxnRequest): number {
  return Math.max(branchCost(request.success), branchCost(request.failure));
}

function branchCost(ops: readonly etcdserverpb.RequestOp[]): number {
  let cost = 0;
  for (const { request } of ops) {
    if (request?.$case === "requestPut") cost += putCost(request.value);
    else if (request?.$case === "requestTxn") cost += txnCost(request.value);
  }
  return cost;
}
