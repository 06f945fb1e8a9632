/**
 * An int64 of the wire as a number, saturated at ±(2^53 - 1). Clients send MaxInt64 to mean "no
 * bound" for limits, revisions and versions; every comparison with a real one keeps its outcome.
 */
export function int64ToNumber(value: bigint | number | string): number {
  const number = Number(value);
  if (number > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (number < Number.MIN_SAFE_INTEGER) return Number.MIN_SAFE_INTEGER;
  return number;
}
