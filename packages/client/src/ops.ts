import { etcdserverpb } from "@kvorum/api";
import { prefixEnd, utf8 } from "@kvorum/base";

const { RangeRequest, PutRequest, DeleteRangeRequest } = etcdserverpb;
const { RangeRequest_SortOrder, RangeRequest_SortTarget } = etcdserverpb;

/** A key or value: text is taken as UTF-8. Bytes are borrowed until the call returns. */
export type Bytes = string | Uint8Array;

/** Which keys a request is about: at most one of the three. */
export interface KeyRange {
  /** Keys from the key on, below this one. */
  readonly rangeEnd?: Bytes | undefined;
  /** Keys that start with the key; with an empty key all. */
  readonly prefix?: boolean | undefined;
  /** Keys from the key on, without an end. */
  readonly fromKey?: boolean | undefined;
}

export interface GetOptions extends KeyRange {
  /** Most keys to return; 0 means all. */
  readonly limit?: number;
  /** The revision to read at; 0 means the latest. */
  readonly revision?: number;
  readonly order?: "none" | "ascend" | "descend";
  readonly sortBy?: "key" | "version" | "create" | "mod" | "value";
  /** Answer from the member's own state, without asking the leader. */
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: number;
  readonly maxModRevision?: number;
  readonly minCreateRevision?: number;
  readonly maxCreateRevision?: number;
}

export interface PutOptions {
  /** The lease to attach the key to; 0n for none. */
  readonly lease?: bigint;
  /** Return the pair as it was before. */
  readonly prevKv?: boolean;
  /** Keep the present value; the one given must be empty. */
  readonly ignoreValue?: boolean;
  /** Keep the present lease. */
  readonly ignoreLease?: boolean;
}

export interface DeleteOptions extends KeyRange {
  /** Return the pairs that were deleted. */
  readonly prevKv?: boolean;
}

const ORDERS = {
  none: RangeRequest_SortOrder.NONE,
  ascend: RangeRequest_SortOrder.ASCEND,
  descend: RangeRequest_SortOrder.DESCEND,
} as const;

const TARGETS = {
  key: RangeRequest_SortTarget.KEY,
  version: RangeRequest_SortTarget.VERSION,
  create: RangeRequest_SortTarget.CREATE,
  mod: RangeRequest_SortTarget.MOD,
  value: RangeRequest_SortTarget.VALUE,
} as const;

const ZERO = Buffer.from([0]);
const EMPTY = Buffer.alloc(0);

/** Text as UTF-8; bytes as they are, not copied. */
export function toBytes(value: Bytes): Uint8Array {
  return typeof value === "string" ? utf8(value) : value;
}

/** `[key, rangeEnd)` as the wire has it; an empty end means the one key. */
export function keyRange(key: Bytes, range: KeyRange): { key: Uint8Array; rangeEnd: Uint8Array } {
  const start = toBytes(key);
  const isOpen = range.fromKey === true || range.prefix === true;
  if (!isOpen) {
    return { key: start, rangeEnd: range.rangeEnd === undefined ? EMPTY : toBytes(range.rangeEnd) };
  }
  if (start.length === 0) return { key: ZERO, rangeEnd: ZERO };
  return { key: start, rangeEnd: range.prefix === true ? prefixEnd(start) : ZERO };
}

export function rangeRequest(key: Bytes, options: GetOptions): etcdserverpb.RangeRequest {
  const ascendsByKey = options.order === "ascend" && (options.sortBy ?? "key") === "key";
  return RangeRequest.create({
    ...keyRange(key, options),
    limit: options.limit ?? 0,
    revision: options.revision ?? 0,
    // Keys come in ascending order anyway; clientv3 drops the request to sort for the same reason.
    sortOrder: ascendsByKey ? ORDERS.none : ORDERS[options.order ?? "none"],
    sortTarget: TARGETS[options.sortBy ?? "key"],
    serializable: options.serializable ?? false,
    keysOnly: options.keysOnly ?? false,
    countOnly: options.countOnly ?? false,
    minModRevision: options.minModRevision ?? 0,
    maxModRevision: options.maxModRevision ?? 0,
    minCreateRevision: options.minCreateRevision ?? 0,
    maxCreateRevision: options.maxCreateRevision ?? 0,
  });
}

export function putRequest(key: Bytes, value: Bytes, options: PutOptions): etcdserverpb.PutRequest {
  return PutRequest.create({
    key: toBytes(key),
    value: toBytes(value),
    lease: options.lease ?? 0n,
    prevKv: options.prevKv ?? false,
    ignoreValue: options.ignoreValue ?? false,
    ignoreLease: options.ignoreLease ?? false,
  });
}

export function deleteRequest(key: Bytes, options: DeleteOptions): etcdserverpb.DeleteRangeRequest {
  return DeleteRangeRequest.create({ ...keyRange(key, options), prevKv: options.prevKv ?? false });
}
