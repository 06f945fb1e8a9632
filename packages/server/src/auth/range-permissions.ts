import { authpb } from "@kvorum/api";
import { compareBytes } from "@kvorum/base";

const { Permission_Type: PermissionType } = authpb;

/** Half-open; without an end it goes on for ever. */
interface Interval {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

export type Access = "read" | "write";

/**
 * What the roles of a user allow: for each kind of access the union of the granted ranges, as sorted
 * intervals that neither overlap nor touch. Source: etcd's unifiedRangePermissions.
 */
export class RangePermissions {
  readonly #read: readonly Interval[];
  readonly #write: readonly Interval[];

  constructor(permissions: readonly authpb.Permission[]) {
    const granting = (type: authpb.Permission_Type) =>
      merge(
        permissions
          .filter(({ permType }) => permType === type || permType === PermissionType.READWRITE)
          .map(intervalOf),
      );
    this.#read = granting(PermissionType.READ);
    this.#write = granting(PermissionType.WRITE);
  }

  /**
   * Whether one access to `key`, or to all of [key, rangeEnd), is allowed. An empty `rangeEnd` means
   * the single key, "\0" everything from `key` on. A range that ends before it begins holds nothing,
   * and is allowed where its key is.
   */
  allows(access: Access, key: Uint8Array, rangeEnd: Uint8Array): boolean {
    const interval = holding(access === "read" ? this.#read : this.#write, key);
    if (interval === undefined) return false;
    if (rangeEnd.length === 0 || interval.end === undefined) return true;
    return !isOpenEnd(rangeEnd) && compareBytes(rangeEnd, interval.end) <= 0;
  }
}

/** Whether a role may be granted these keys. Source: etcd's isValidPermissionRange. */
export function isValidPermission({ key, rangeEnd }: authpb.Permission): boolean {
  if (key.length === 0) return false;
  return rangeEnd.length === 0 || isOpenEnd(rangeEnd) || compareBytes(key, rangeEnd) < 0;
}

function isOpenEnd(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

function intervalOf({ key, rangeEnd }: authpb.Permission): Interval {
  if (rangeEnd.length === 0) return { start: key, end: Buffer.concat([key, Buffer.from([0])]) };
  return { start: key, end: isOpenEnd(rangeEnd) ? undefined : rangeEnd };
}

function merge(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
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

/** The interval that `key` lies in. */
function holding(intervals: readonly Interval[], key: Uint8Array): Interval | undefined {
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
