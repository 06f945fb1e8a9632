import { etcdserverpb } from "@kvorum/api";
import { bytesToLatin1, compareBytes } from "@kvorum/base";
import type { FoundRevision } from "./key-index.js";
import { KeyValueReader } from "./key-value.js";
import { type StoreState, toKeyRange } from "./store-state.js";

const { Compare_CompareResult: Result, Compare_CompareTarget: Target } = etcdserverpb;

/** All compares of a list hold at the current revision; an empty list holds. */
export function holdAll(state: StoreState, compares: readonly etcdserverpb.Compare[]): boolean {
  for (const compare of compares) if (!holds(state, compare)) return false;
  return true;
}

/**
 * Whether every key that the compare names satisfies it. When there is none, an all-zero KeyValue
 * is compared, except that no value can match a missing key.
 */
function holds(state: StoreState, compare: etcdserverpb.Compare): boolean {
  let matched = 0;
  let isSatisfied = true;
  const visitor = (): boolean => {
    matched++;
    isSatisfied = isSatisfiedBy(compare, orderOfFound(state, compare));
    return isSatisfied;
  };
  if (compare.rangeEnd.length === 0) {
    if (findNewest(state, compare.key)) visitor();
  } else {
    const range = toKeyRange(compare.key, compare.rangeEnd);
    state.index.visit(range, state.currentRevision, found, visitor);
  }
  if (matched > 0) return isSatisfied;
  return compare.target !== Target.VALUE && isSatisfiedBy(compare, orderOfMissing(compare));
}

/** Fills `found`. A key that was put lately needs no search of the index. */
function findNewest({ index, reader, currentRevision }: StoreState, key: Uint8Array): boolean {
  const known = reader.latest.seek(key);
  if (known?.isLive === true) return known.find(currentRevision, found);
  return index.find(bytesToLatin1(key), currentRevision, found);
}

const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
const reader = new KeyValueReader();
const EMPTY = Buffer.alloc(0);

/** An unknown result is true, as in etcd. */
function isSatisfiedBy(compare: etcdserverpb.Compare, order: number): boolean {
  switch (compare.result) {
    case Result.EQUAL:
      return order === 0;
    case Result.NOT_EQUAL:
      return order !== 0;
    case Result.GREATER:
      return order > 0;
    case Result.LESS:
      return order < 0;
    default:
      return true;
  }
}

/** The found key against the wanted value; an unknown target counts as equal. */
function orderOfFound(state: StoreState, compare: etcdserverpb.Compare): number {
  switch (compare.target) {
    case Target.VERSION:
      return found.version - wantedNumber(compare, "version");
    case Target.CREATE:
      return found.created - wantedNumber(compare, "createRevision");
    case Target.MOD:
      return found.main - wantedNumber(compare, "modRevision");
    case Target.VALUE:
      reader.read(state.reader.read(found.main, found.sub));
      return compareBytes(reader.value(), wantedValue(compare));
    case Target.LEASE:
      reader.read(state.reader.read(found.main, found.sub));
      return orderOfLeases(reader.lease, wantedLease(compare));
    default:
      return 0;
  }
}

function orderOfMissing(compare: etcdserverpb.Compare): number {
  switch (compare.target) {
    case Target.VERSION:
      return -wantedNumber(compare, "version");
    case Target.CREATE:
      return -wantedNumber(compare, "createRevision");
    case Target.MOD:
      return -wantedNumber(compare, "modRevision");
    case Target.LEASE:
      return orderOfLeases(0n, wantedLease(compare));
    default:
      return 0;
  }
}

/** The union's value counts only if its case is the target's own; else it is zero. */
function wantedNumber(
  { targetUnion }: etcdserverpb.Compare,
  wanted: "version" | "createRevision" | "modRevision",
): number {
  return targetUnion?.$case === wanted ? targetUnion.value : 0;
}

function wantedValue({ targetUnion }: etcdserverpb.Compare): Uint8Array {
  return targetUnion?.$case === "value" ? targetUnion.value : EMPTY;
}

function wantedLease({ targetUnion }: etcdserverpb.Compare): bigint {
  return targetUnion?.$case === "lease" ? targetUnion.value : 0n;
}

function orderOfLeases(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
