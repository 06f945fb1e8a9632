/** Index of the last of `count` ascending elements that is at or below `at`; -1 if none is. */
export function lastAtOrBelow(numbers: readonly number[], count: number, at: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
