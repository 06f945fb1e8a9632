import { apiErrorText, type etcdserverpb } from "@kvorum/api";
import type { RandomOp } from "./random-ops.js";

type KeyValue = etcdserverpb.RangeResponse["kvs"][number];
type RangeRequest = etcdserverpb.RangeRequest;

/** What the etcd that is compared with does otherwise than 3.7, by its version. */
export interface Differences {
  /** Before 3.7 a keys-only range keeps the lease of each key. */
  readonly keysOnlyHasLease: boolean;
  /**
   * 3.4 checks all puts of a transaction, then all its ranges, where 3.7 goes through the operations
   * in order: a transaction with two faults is refused for another one of them.
   */
  readonly checksPutsFirst: boolean;
}

/** "3.4.23" -> how it differs. */
export function differencesOf(version: string): Differences {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const release = major * 100 + minor;
  return { keysOnlyHasLease: release < 307, checksPutsFirst: release < 305 };
}

const REFUSALS_OF_A_TXN: readonly string[] = [
  apiErrorText("leaseNotFound"),
  apiErrorText("keyNotFound"),
  apiErrorText("compacted"),
  apiErrorText("futureRevision"),
];

/** An error in which two servers must agree. */
export function comparableError(op: RandomOp, error: unknown, differences: Differences): unknown {
  const { code, details } = error as { code: number; details: string };
  if (op.kind === "txn" && differences.checksPutsFirst && REFUSALS_OF_A_TXN.includes(details)) {
    return { refused: true };
  }
  return { code, details };
}

/**
 * A response as plain data in which two servers must agree: ids, terms and remaining times are left
 * out, and lists whose order is unspecified are put into one.
 */
export function comparable(op: RandomOp, response: unknown, differences: Differences): unknown {
  switch (op.kind) {
    case "range":
      return comparableRange(op.request, response as etcdserverpb.RangeResponse, differences);
    case "txn":
      return comparableTxn(op.request, response as etcdserverpb.TxnResponse, differences);
    case "leaseTimeToLive": {
      const found = response as etcdserverpb.LeaseTimeToLiveResponse;
      return plain({
        ID: found.ID,
        granted: found.grantedTTL,
        isThere: found.TTL > 0,
        keys: found.keys.map(hex).sort(),
      });
    }
    default:
      return plain(response);
  }
}

function comparableRange(
  request: RangeRequest,
  response: etcdserverpb.RangeResponse,
  differences: Differences,
): unknown {
  const kvs = response.kvs.map((kv) =>
    request.keysOnly && differences.keysOnlyHasLease ? { ...kv, lease: 0n } : kv,
  );
  return plain({ ...response, kvs: isKeySorted(request) ? kvs : unordered(request, kvs) });
}

function isKeySorted(request: RangeRequest): boolean {
  return request.sortTarget === 0;
}

/** Equal keys of a sort come in any order: with a limit only the sorted fields can be compared. */
function unordered(request: RangeRequest, kvs: readonly KeyValue[]): unknown {
  if (request.limit > 0) return kvs.map((kv) => sortedField(request, kv));
  return [...kvs].sort((a, b) => Buffer.compare(a.key, b.key));
}

function sortedField(request: RangeRequest, kv: KeyValue): unknown {
  if (request.keysOnly && request.sortTarget === 4) return "";
  return [kv.key, kv.version, kv.createRevision, kv.modRevision, kv.value][request.sortTarget];
}

function comparableTxn(
  request: etcdserverpb.TxnRequest,
  response: etcdserverpb.TxnResponse,
  differences: Differences,
): unknown {
  const branch = response.succeeded ? request.success : request.failure;
  const responses = response.responses.map(({ response: inner }, i) => {
    const op = branch[i]?.request;
    if (inner?.$case === "responseRange" && op?.$case === "requestRange") {
      return comparableRange(op.value, inner.value, differences);
    }
    if (inner?.$case === "responseTxn" && op?.$case === "requestTxn") {
      return comparableTxn(op.value, inner.value, differences);
    }
    return plain(inner);
  });
  return { header: plain(response.header), succeeded: response.succeeded, responses };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

const LEFT_OUT = new Set(["clusterId", "memberId", "raftTerm"]);

/** Bytes as hex, bigints as text, and without the fields in which two clusters differ. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([name]) => !LEFT_OUT.has(name));
  return Object.fromEntries(fields.map(([name, item]) => [name, plain(item)]));
}
