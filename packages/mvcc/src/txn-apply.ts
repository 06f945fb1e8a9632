import {
  apiError,
  type etcdserverpb,
  type RawRangeResponse,
  type RawResponse,
  type RawTxnResponse,
} from "@kvorum/api";
import { rangeNow } from "./range.js";
import { readableRevision, type StoreState } from "./store-state.js";
import { holdAll } from "./txn-compare.js";
import { checkPut, type WriteTransaction } from "./write-transaction.js";

/** A transaction whose branches are chosen: `nested` belong to the txn requests, in order. */
interface ChosenTxn {
  readonly succeeded: boolean;
  readonly requests: readonly etcdserverpb.RequestOp[];
  readonly nested: readonly ChosenTxn[];
}

/** Chooses the branches of the whole tree by the state before any of its writes. */
export function chooseBranches(state: StoreState, request: etcdserverpb.TxnRequest): ChosenTxn {
  const succeeded = holdAll(state, request.compare);
  const requests = succeeded ? request.success : request.failure;
  const nested: ChosenTxn[] = [];
  for (const { request: operation } of requests) {
    if (operation?.$case === "requestTxn") nested.push(chooseBranches(state, operation.value));
  }
  return { succeeded, requests, nested };
}

/**
 * Everything that can refuse the transaction, on the chosen path, before its first write.
 * @throws ApiError futureRevision | compacted | leaseNotFound | keyNotFound
 */
export function checkTxn(state: StoreState, { requests, nested }: ChosenTxn): void {
  let nestedAt = 0;
  for (const { request } of requests) {
    switch (request?.$case) {
      case "requestRange":
        checkRangeRevision(state, request.value.revision);
        break;
      case "requestPut":
        checkPut(state, request.value);
        break;
      case "requestTxn":
        checkTxn(state, nested[nestedAt++]!);
        break;
      case undefined:
        throw apiError("keyNotFound");
    }
  }
}

/** Whether more than one key or range is looked at or changed; a nested transaction counts as many. */
export function hasManyOperations(
  { compare }: etcdserverpb.TxnRequest,
  { requests, nested }: ChosenTxn,
): boolean {
  return nested.length > 0 || compare.length + requests.length > 1;
}

/** Runs the chosen path; later operations see earlier ones. `checkTxn` has passed. */
export function applyTxn(
  state: StoreState,
  { succeeded, requests, nested }: ChosenTxn,
  transaction: WriteTransaction,
): RawTxnResponse {
  const responses: RawResponse[] = [];
  let nestedAt = 0;
  for (const { request } of requests) {
    switch (request?.$case) {
      case "requestRange":
        responses.push(rangeInTxn(state, request.value, transaction.revision));
        break;
      case "requestPut":
        responses.push(transaction.put(request.value));
        break;
      case "requestDeleteRange":
        responses.push(transaction.deleteRange(request.value));
        break;
      case "requestTxn":
        responses.push(applyTxn(state, nested[nestedAt++]!, transaction));
        break;
    }
  }
  return { kind: "txn", revision: transaction.revision, succeeded, responses };
}

/** Runs a chosen path that holds only ranges. */
export function readTxn(state: StoreState, { succeeded, requests }: ChosenTxn): RawTxnResponse {
  const revision = state.currentRevision;
  const responses: RawResponse[] = [];
  for (const { request } of requests) {
    if (request?.$case !== "requestRange") throw apiError("keyNotFound");
    responses.push(rangeInTxn(state, request.value, revision));
  }
  return { kind: "txn", revision, succeeded, responses };
}

function rangeInTxn(
  state: StoreState,
  request: etcdserverpb.RangeRequest,
  current: number,
): RawRangeResponse {
  const at = readableRevision(state, request.revision, current);
  state.counters.ranges++;
  return rangeNow(state, request, { at, headerRevision: current });
}

/** Unlike a plain range a negative revision is refused, unless the store was never compacted. */
function checkRangeRevision(state: StoreState, revision: number): void {
  if (revision === 0) return;
  if (revision > state.currentRevision) throw apiError("futureRevision");
  if (revision < state.compactRevision) throw apiError("compacted");
}
