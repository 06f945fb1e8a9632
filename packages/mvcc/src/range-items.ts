import { etcdserverpb, type RawKeyValue } from "@kvorum/api";
import { compareBytes, latin1ToBytes } from "@kvorum/base";
import type { FoundRevision } from "./key-index.js";
import { encodeKeyValue, KeyValueReader } from "./key-value.js";

/** What the index says of one key of a range. */
export interface IndexedItem extends Readonly<FoundRevision> {
  readonly key: string;
}

/** One key of a range before its record is spliced into the reply. */
export interface RangeItem extends IndexedItem {
  /** Read ahead when the order or the reply is made from it. */
  readonly record: RawKeyValue | undefined;
  /** A view of the record, for the order by value. */
  readonly value: Uint8Array;
}

export type ItemOrder = (left: RangeItem, right: RangeItem) => number;

type RangeRequest = etcdserverpb.RangeRequest;
const { RangeRequest_SortOrder: SortOrder, RangeRequest_SortTarget: SortTarget } = etcdserverpb;

/** Whether the index's own order is the one asked for, or close enough not to fetch everything. */
export function isDefaultOrdering({ sortOrder, sortTarget }: RangeRequest): boolean {
  return (
    sortOrder === SortOrder.NONE ||
    (sortTarget === SortTarget.KEY && sortOrder === SortOrder.ASCEND)
  );
}

export function hasRevisionFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

/** 0 leaves a bound open; bounds are inclusive. */
export function passesFilters(request: RangeRequest, { main, created }: FoundRevision): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return (
    (maxModRevision === 0 || main <= maxModRevision) &&
    (minModRevision === 0 || main >= minModRevision) &&
    (maxCreateRevision === 0 || created <= maxCreateRevision) &&
    (minCreateRevision === 0 || created >= minCreateRevision)
  );
}

/**
 * The order of a reply that isn't by key, for a stable sort: items of equal rank stay in key order,
 * which etcd leaves open. NONE means ASCEND then.
 */
export function orderOfItems({ sortOrder, sortTarget }: RangeRequest): ItemOrder {
  const compare = comparatorOf(sortTarget);
  return sortOrder === SortOrder.DESCEND ? (left, right) => compare(right, left) : compare;
}

/** The value in a record, as a view of it. */
export function valueOfRecord(record: RawKeyValue): Uint8Array {
  return reader.read(record).value();
}

/** The KeyValue of keys_only: without lease, as etcd 3.7 builds it from its index. */
export function keyOnly({ key, main, created, version }: IndexedItem): RawKeyValue {
  return encodeKeyValue({
    key: latin1ToBytes(key),
    createRevision: created,
    modRevision: main,
    version,
    value: NO_VALUE,
    lease: 0n,
  });
}

/** The KeyValue of keys_only when the order is by value: the record with its value emptied. */
export function withoutValue(record: RawKeyValue): RawKeyValue {
  const { createRevision, modRevision, version, lease } = reader.read(record);
  const key = reader.key();
  return encodeKeyValue({ key, createRevision, modRevision, version, value: NO_VALUE, lease });
}

export const NO_VALUE = Buffer.alloc(0);
const reader = new KeyValueReader();

function comparatorOf(target: etcdserverpb.RangeRequest_SortTarget): ItemOrder {
  switch (target) {
    case SortTarget.VERSION:
      return (left, right) => left.version - right.version;
    case SortTarget.CREATE:
      return (left, right) => left.created - right.created;
    case SortTarget.MOD:
      return (left, right) => left.main - right.main;
    case SortTarget.VALUE:
      return (left, right) => compareBytes(left.value, right.value);
    default:
      return () => 0;
  }
}
