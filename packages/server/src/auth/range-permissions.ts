import { authpb } from "@kvorum/api";
import { compareBytes } from "@kvorum/base";
import { type KeyInterval, PermissionTree } from "./permission-tree.js";

const { Permission_Type: PermissionType } = authpb;

export type Access = "read" | "write";

/**
 * What the roles of a user allow: for each kind of access the union of the granted ranges.
 * Source: etcd's unifiedRangePermissions.
 */
export class RangePermissions {
  readonly #read: GrantedRanges;
  readonly #write: GrantedRanges;

  /** @param permissions of the user's roles, in their order */
  constructor(permissions: readonly authpb.Permission[]) {
    const granting = (type: authpb.Permission_Type) =>
      new GrantedRanges(
        permissions
          .filter(({ permType }) => permType === type || permType === PermissionType.READWRITE)
          .map(intervalOf),
      );
    this.#read = granting(PermissionType.READ);
    this.#write = granting(PermissionType.WRITE);
  }

  /**
   * Whether one access to `key`, or to all of [key, rangeEnd), is allowed. An empty `rangeEnd` means
   * the single key, "\0" everything from `key` on.
   */
  allows(access: Access, key: Uint8Array, rangeEnd: Uint8Array): boolean {
    return (access === "read" ? this.#read : this.#write).hold(key, rangeEnd);
  }
}

/** Whether a role may be granted these keys. Source: etcd's isValidPermissionRange. */
export function isValidPermission({ key, rangeEnd }: authpb.Permission): boolean {
  if (key.length === 0) return false;
  return rangeEnd.length === 0 || isOpenEnd(rangeEnd) || compareBytes(key, rangeEnd) < 0;
}

/** A union of ranges, as sorted intervals that neither overlap nor touch. */
class GrantedRanges {
  readonly #given: readonly KeyInterval[];
  readonly #merged: readonly KeyInterval[];
  #tree: PermissionTree | undefined;

  constructor(intervals: readonly KeyInterval[]) {
    this.#given = intervals;
    this.#merged = merge(intervals);
  }

  hold(key: Uint8Array, rangeEnd: Uint8Array): boolean {
    const interval = this.#intervalOf(key);
    if (interval === undefined) return false;
    if (rangeEnd.length === 0) return true;
    if (isOpenEnd(rangeEnd)) return interval.end === undefined;
    if (compareBytes(rangeEnd, key) < 0) {
      this.#tree ??= new PermissionTree(this.#given);
      return this.#tree.findsInverted(key, rangeEnd);
    }
    return interval.end === undefined || compareBytes(rangeEnd, interval.end) <= 0;
  }

  /** The interval that `key` lies in. */
  #intervalOf(key: Uint8Array): KeyInterval | undefined {
    const intervals = this.#merged;
    let low = 0;
    let high = intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(intervals[middle]!.start, key) <= 0) low = middle + 1;
      else high = middle;
    }
    const found = intervals[low - 1];
    if (found === undefined) return undefined;
    return found.end === undefined || compareBytes(key, found.end) < 0 ? found : undefined;
  }
}

function isOpenEnd(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

function intervalOf({ key, rangeEnd }: authpb.Permission): KeyInterval {
  if (rangeEnd.length === 0) return { start: key, end: Buffer.concat([key, Buffer.from([0])]) };
  return { start: key, end: isOpenEnd(rangeEnd) ? undefined : rangeEnd };
}

function merge(intervals: readonly KeyInterval[]): KeyInterval[] {
  const merged: KeyInterval[] = [];
  const sorted = [...intervals].sort((left, right) => compareBytes(left.start, right.start));
  for (const interval of sorted) {
    const last = merged.at(-1);
    if (last === undefined || (last.end && compareBytes(last.end, interval.start) < 0)) {
      merged.push(interval);
    } else if (last.end && (!interval.end || compareBytes(last.end, interval.end) < 0)) {
      merged[merged.length - 1] = { start: last.start, end: interval.end };
    }
  }
  return merged;
}
