// Step 3 of the write path, for transactions: everything that can be refused without the store.
import { apiError, type etcdserverpb } from "@kvorum/api";
import { bytesToLatin1 } from "@kvorum/base";

type TxnRequest = etcdserverpb.TxnRequest;
type RequestOp = etcdserverpb.RequestOp;

/**
 * Checks a transaction on both branches: number of operations, keys, and duplicate keys.
 * @throws ApiError tooManyOps | emptyKey | keyNotFound | valueProvided | leaseProvided |
 *   invalidSortOption | duplicateKey
 */
export function validateTxn(request: TxnRequest, opsMax: number): void {
  checkOps(request, opsMax);
  if (mayRepeat(request.success)) collectWrites(request.success);
  if (mayRepeat(request.failure)) collectWrites(request.failure);
}

/** One plain operation, as most branches have it, writes no key twice. */
function mayRepeat(ops: readonly RequestOp[]): boolean {
  return ops.length > 1 || ops[0]?.request?.$case === "requestTxn";
}

/** A nested transaction may use what its parent's largest part has left. */
function checkOps(request: TxnRequest, opsMax: number): void {
  const largest = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (largest > opsMax) throw apiError("tooManyOps");
  for (const compare of request.compare) {
    if (compare.key.length === 0) throw apiError("emptyKey");
  }
  for (const op of request.success) checkOp(op, opsMax - largest);
  for (const op of request.failure) checkOp(op, opsMax - largest);
}

function checkOp(op: RequestOp, opsLeft: number): void {
  const request = op.request;
  switch (request?.$case) {
    case "requestRange":
      validateRange(request.value);
      break;
    case "requestPut":
      validatePut(request.value);
      break;
    case "requestDeleteRange":
      if (request.value.key.length === 0) throw apiError("emptyKey");
      break;
    case "requestTxn":
      checkOps(request.value, opsLeft);
      break;
    default:
      throw apiError("keyNotFound");
  }
}

/** @throws ApiError emptyKey | invalidSortOption */
export function validateRange(request: etcdserverpb.RangeRequest): void {
  if (request.key.length === 0) throw apiError("emptyKey");
  const { sortOrder, sortTarget } = request;
  if (sortOrder < 0 || sortOrder > 2 || sortTarget < 0 || sortTarget > 4) {
    throw apiError("invalidSortOption");
  }
}

/** @throws ApiError emptyKey | valueProvided | leaseProvided */
export function validatePut(request: etcdserverpb.PutRequest): void {
  if (request.key.length === 0) throw apiError("emptyKey");
  if (request.ignoreValue && request.value.length !== 0) throw apiError("valueProvided");
  if (request.ignoreLease && request.lease !== 0n) throw apiError("leaseProvided");
}

/** Raw byte bounds, one character a byte; a range end of "\0" makes an empty interval here. */
interface Interval {
  readonly start: string;
  readonly end: string;
}

interface Writes {
  readonly puts: Set<string>;
  readonly deletes: Interval[];
}

/**
 * The keys that one branch writes, refusing a key that would be written twice on one path.
 * Deletes may overlap; then and else of one nested transaction may; order matters among nested
 * ones. Source: etcd's checkIntervals, whose quirks are kept.
 * @throws ApiError duplicateKey
 */
function collectWrites(ops: readonly RequestOp[]): Writes {
  const deletes: Interval[] = [];
  for (const { request } of ops) {
    if (request?.$case === "requestDeleteRange") deletes.push(intervalOf(request.value));
  }
  const puts = new Set<string>();
  for (const { request } of ops) {
    if (request?.$case !== "requestTxn") continue;
    const branches = [collectWrites(request.value.success), collectWrites(request.value.failure)];
    for (const branch of branches) {
      for (const key of branch.puts) {
        if (puts.has(key) || isDeleted(deletes, key)) throw apiError("duplicateKey");
      }
    }
    for (const branch of branches) {
      deletes.push(...branch.deletes);
      for (const key of branch.puts) puts.add(key);
    }
  }
  for (const { request } of ops) {
    if (request?.$case !== "requestPut") continue;
    const key = bytesToLatin1(request.value.key);
    if (puts.has(key) || isDeleted(deletes, key)) throw apiError("duplicateKey");
    puts.add(key);
  }
  return { puts, deletes };
}

function intervalOf(request: etcdserverpb.DeleteRangeRequest): Interval {
  const start = bytesToLatin1(request.key);
  const end = request.rangeEnd.length === 0 ? `${start}\0` : bytesToLatin1(request.rangeEnd);
  return { start, end };
}

function isDeleted(deletes: readonly Interval[], key: string): boolean {
  return deletes.some(({ start, end }) => start <= key && key < end);
}

/** Whether a transaction changes nothing and may be served from the store without the log. */
export function isReadOnlyTxn(request: TxnRequest): boolean {
  const isRange = (op: RequestOp) => op.request?.$case === "requestRange";
  return request.success.every(isRange) && request.failure.every(isRange);
}

/** Whether a read-only transaction may be served without asking the leader. */
export function isSerializableTxn(request: TxnRequest): boolean {
  const isSerializable = (op: RequestOp) =>
    op.request?.$case !== "requestRange" || op.request.value.serializable;
  return request.success.every(isSerializable) && request.failure.every(isSerializable);
}
