import { etcdserverpb } from "@kvorum/api";
import {
  type Bytes,
  type DeleteOptions,
  deleteRequest,
  type GetOptions,
  type KeyRange,
  keyRange,
  type PutOptions,
  putRequest,
  rangeRequest,
  toBytes,
} from "./ops.js";

const { Compare_CompareResult, Compare_CompareTarget } = etcdserverpb;

/** One request inside a transaction. */
export type Op = etcdserverpb.RequestOp;
/** One condition of a transaction. */
export type Comparison = etcdserverpb.Compare;
export type CompareSign = "=" | "!=" | ">" | "<";

/** If all of `compare` hold, does `success`, else `failure`; all in one revision. */
export interface Txn {
  readonly compare?: readonly Comparison[];
  readonly success?: readonly Op[];
  readonly failure?: readonly Op[];
}

/** Makes the requests of a transaction. */
export const op = {
  get(key: Bytes, options: GetOptions = {}): Op {
    return { request: { $case: "requestRange", value: rangeRequest(key, options) } };
  },
  put(key: Bytes, value: Bytes, options: PutOptions = {}): Op {
    return { request: { $case: "requestPut", value: putRequest(key, value, options) } };
  },
  delete(key: Bytes, options: DeleteOptions = {}): Op {
    return { request: { $case: "requestDeleteRange", value: deleteRequest(key, options) } };
  },
  txn(txn: Txn): Op {
    return { request: { $case: "requestTxn", value: txnRequest(txn) } };
  },
} as const;

/** Makes the conditions of a transaction; of a range, every key in it must meet the condition. */
export const compare = {
  version(key: Bytes, sign: CompareSign, version: number, range: KeyRange = {}): Comparison {
    const target = Compare_CompareTarget.VERSION;
    return comparison(key, sign, target, { $case: "version", value: version }, range);
  },
  createRevision(key: Bytes, sign: CompareSign, revision: number, range: KeyRange = {}) {
    const target = Compare_CompareTarget.CREATE;
    return comparison(key, sign, target, { $case: "createRevision", value: revision }, range);
  },
  modRevision(key: Bytes, sign: CompareSign, revision: number, range: KeyRange = {}): Comparison {
    const target = Compare_CompareTarget.MOD;
    return comparison(key, sign, target, { $case: "modRevision", value: revision }, range);
  },
  value(key: Bytes, sign: CompareSign, value: Bytes, range: KeyRange = {}): Comparison {
    const target = Compare_CompareTarget.VALUE;
    return comparison(key, sign, target, { $case: "value", value: toBytes(value) }, range);
  },
  lease(key: Bytes, sign: CompareSign, lease: bigint, range: KeyRange = {}): Comparison {
    const target = Compare_CompareTarget.LEASE;
    return comparison(key, sign, target, { $case: "lease", value: lease }, range);
  },
} as const;

export function txnRequest({ compare = [], success = [], failure = [] }: Txn) {
  return { compare: [...compare], success: [...success], failure: [...failure] };
}

/** Whether the transaction changes nothing whichever way it goes, and so may be sent twice. */
export function isReadOnly({ success = [], failure = [] }: Txn): boolean {
  return [...success, ...failure].every(
    ({ request }) =>
      request?.$case === "requestRange" ||
      (request?.$case === "requestTxn" && isReadOnly(request.value)),
  );
}

const SIGNS = {
  "=": Compare_CompareResult.EQUAL,
  "!=": Compare_CompareResult.NOT_EQUAL,
  ">": Compare_CompareResult.GREATER,
  "<": Compare_CompareResult.LESS,
} as const;

function comparison(
  key: Bytes,
  sign: CompareSign,
  target: etcdserverpb.Compare_CompareTarget,
  targetUnion: Comparison["targetUnion"],
  range: KeyRange,
): Comparison {
  return { result: SIGNS[sign], target, targetUnion, ...keyRange(key, range) };
}
