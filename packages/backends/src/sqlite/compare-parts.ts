/** Bytes from `start` up to `end`. */
export interface Part {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Below, at or above 0 as `left` is below, equal to or above `right` in the order of SQLite's blobs.
 * By hand, because keys are short and a native call costs more than the comparison.
 */
export function compareParts(left: Part, right: Part): number {
  const leftBytes = left.end - left.start;
  const rightBytes = right.end - right.start;
  const common = Math.min(leftBytes, rightBytes);
  for (let i = 0; i < common; i++) {
    const difference = left.bytes[left.start + i]! - right.bytes[right.start + i]!;
    if (difference !== 0) return difference;
  }
  return leftBytes - rightBytes;
}
