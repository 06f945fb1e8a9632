import type { Bucket } from "../port.js";
import { ELEMENT_BYTES, PAGE_HEADER_BYTES } from "./format.js";
import { BOUND_RATIO_MAX, BOUND_WORTH_BYTES } from "./limits.js";

/** Records by their size; a list of these ascends, and the last has no upper end. */
export interface RecordSizeClass {
  /** Most bytes of a key and its value together. */
  readonly atMostBytes: number;
  readonly count: number;
  /** Of all keys and values. */
  readonly bytes: number;
}

/** The most that a bucket can hold. */
export interface BoundedBucket {
  readonly bucket: Bucket;
  readonly keyBytesMax: number;
  readonly classes: readonly RecordSizeClass[];
  /** Told when it turns out to hold more: a bound of this source is not to be trusted again. */
  readonly onExceeded?: () => void;
}

/** `treePagesMax`, unless it is too far from the truth to be of use. */
export function worthwhileBound(bounded: BoundedBucket, pageSize: number): number | undefined {
  const { bytes } = totalOf(bounded.classes);
  if (bytes < BOUND_WORTH_BYTES) return undefined;
  const pages = treePagesMax(bounded, pageSize);
  const fewest = bytes / (pageSize - PAGE_HEADER_BYTES);
  return pages <= fewest * BOUND_RATIO_MAX ? pages : undefined;
}

/**
 * The most pages that `TreePacker` makes of a bucket, whatever the order of its records.
 *
 * A leaf with a capacity of C bytes is closed by the record that doesn't fit any more. Choose any
 * t: where that record takes at most t bytes the leaf holds more than C - t, so there are at most
 * sum / (C - t) such leaves; each other leaf has a record of more than t bytes behind it, and one
 * leaf is the last. A record that may exceed a page adds the pages it covers. The best t counts.
 *
 * A branch has as many children as fit, but for the last two of its level.
 */
export function treePagesMax({ classes, keyBytesMax }: BoundedBucket, pageSize: number): number {
  const capacity = pageSize - PAGE_HEADER_BYTES;
  const { bytes, count } = totalOf(classes);
  let leaves = Number.POSITIVE_INFINITY;
  let countAbove = count;
  for (const { atMostBytes, count: countOfClass } of classes) {
    countAbove -= countOfClass;
    const largest = atMostBytes + ELEMENT_BYTES;
    if (largest >= capacity) break;
    leaves = Math.min(leaves, Math.floor(bytes / (capacity - largest)) + countAbove + 1);
  }
  // With no t at all each record has a leaf.
  leaves = Math.min(leaves, count);
  let pages = leaves;
  for (const { atMostBytes, ...large } of classes) {
    if (atMostBytes + ELEMENT_BYTES <= capacity) continue;
    const heads = large.count * (ELEMENT_BYTES + PAGE_HEADER_BYTES);
    pages += Math.ceil((large.bytes + heads) / pageSize);
  }
  const childrenMin = Math.floor(capacity / (ELEMENT_BYTES + keyBytesMax));
  // With fewer the count of a level need not shrink.
  if (childrenMin < 4) return Number.POSITIVE_INFINITY;
  for (let children = leaves; children > 1; ) {
    children = children === 2 ? 1 : Math.floor(children / childrenMin) + 2;
    pages += children;
  }
  return pages;
}

/** With the elements of the records. */
function totalOf(classes: readonly RecordSizeClass[]): { count: number; bytes: number } {
  let count = 0;
  let bytes = 0;
  for (const one of classes) {
    count += one.count;
    bytes += one.bytes + one.count * ELEMENT_BYTES;
  }
  return { count, bytes };
}
