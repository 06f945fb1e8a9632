import type { etcdserverpb } from "@kvorum/api";
import type { RandomOp } from "./random-ops.js";

/**
 * Whether a transaction is one that a real etcd (3.7.1) admits and that may end all its members: a
 * delete up to the end of all keys, which its check for duplicate keys takes for an empty one, and
 * a put. If the put keeps the value or lease of a key that is gone by then, etcd ends at once; else
 * after a compaction at this very revision, which loses the record, and the next read of the key.
 */
export function endsEtcd(op: RandomOp): boolean {
  if (op.kind !== "txn") return false;
  const inner = [...innerOps(op.request)];
  return (
    inner.some((one) => one?.$case === "requestDeleteRange" && isToTheEnd(one.value.rangeEnd)) &&
    inner.some((one) => one?.$case === "requestPut")
  );
}

/**
 * Whether a transaction is one after which the members of an etcd 3.6 may differ: it writes, and a
 * range in it may fail, as its revision is compacted or in the future, or its keys are not the
 * user's to read. The member that was asked refuses the whole; the others, which leave out the
 * ranges that they need not answer, write.
 */
export function dividesEtcd36(op: RandomOp): boolean {
  if (op.kind !== "txn") return false;
  const inner = [...innerOps(op.request)];
  return (
    inner.some((one) => one !== undefined && one.$case !== "requestRange") &&
    inner.some((one) => one?.$case === "requestRange")
  );
}

function* innerOps(txn: etcdserverpb.TxnRequest): Generator<etcdserverpb.RequestOp["request"]> {
  for (const { request } of [...txn.success, ...txn.failure]) {
    if (request?.$case === "requestTxn") yield* innerOps(request.value);
    else yield request;
  }
}

function isToTheEnd(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}
