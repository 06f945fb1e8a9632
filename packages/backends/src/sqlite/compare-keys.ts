/** A key from `keyStart` up to `valueStart`. */
export interface KeyPlace {
  readonly bytes: Buffer;
  readonly keyStart: number;
  readonly valueStart: number;
}

/**
 * Below, at or above 0 as `left` is below, equal to or above `right` in the order of SQLite's blobs.
 * By hand, because keys are short and a native call costs more than the comparison.
 */
export function compareKeys(left: KeyPlace, right: KeyPlace): number {
  const { bytes: leftBytes, keyStart: leftStart } = left;
  const { bytes: rightBytes, keyStart: rightStart } = right;
  const leftLength = left.valueStart - leftStart;
  const rightLength = right.valueStart - rightStart;
  const common = Math.min(leftLength, rightLength);
  for (let i = 0; i < common; i++) {
    const difference = leftBytes[leftStart + i]! - rightBytes[rightStart + i]!;
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
