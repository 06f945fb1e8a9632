import { getHeapStatistics, setFlagsFromString } from "node:v8";
import type { Clock } from "@kvorum/base";

/** How often the heap is looked at until it is large. */
const CHECK_INTERVAL_MS = 2_000;
/** A heap above this is large: a store of some hundred thousand keys. */
const LARGE_HEAP_BYTES = 96 * 1024 ** 2;
/** A large heap may grow by this share of what is alive before the old part of it is collected. */
const GROWTH_PERCENT = 40;

/**
 * Once the heap is large, has V8 collect garbage before half as much as is alive has come together.
 * Left to itself it lets a busy heap double, which was 100 MB more with a million keys. Small heaps
 * are left alone, where the same rule would mean many collections.
 */
export function boundGarbage(clock: Clock): void {
  const timer = clock.every(CHECK_INTERVAL_MS, () => {
    if (getHeapStatistics().used_heap_size < LARGE_HEAP_BYTES) return;
    timer.clear();
    setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  });
}
