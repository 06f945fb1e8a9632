/** Records of bucket "key" whose key and value together have at most `atMostBytes`. */
export interface SizeClass {
  /** Those of the class before have at most what that one says, all others more. */
  readonly atMostBytes: number;
  readonly count: number;
  /** Of all their keys and values. */
  readonly bytes: number;
}

/** What was removed until a moment; see `RecordSizes.heldSince`. */
export interface RemovedSizes {
  readonly counts: Float64Array;
  readonly bytes: Float64Array;
}

/**
 * How many records bucket "key" holds and how large they are, without a scan: counted when the
 * store is opened, at each put, and when a compaction deletes what it has just read. It says, before
 * a snapshot is made, how long that can become.
 */
export class RecordSizes {
  readonly #putCounts = new Float64Array(CLASSES);
  readonly #putBytes = new Float64Array(CLASSES);
  readonly #removedCounts = new Float64Array(CLASSES);
  readonly #removedBytes = new Float64Array(CLASSES);

  put(bytes: number): void {
    const at = classOf(bytes);
    this.#putCounts[at]!++;
    this.#putBytes[at]! += bytes;
  }

  remove(bytes: number): void {
    const at = classOf(bytes);
    this.#removedCounts[at]!++;
    this.#removedBytes[at]! += bytes;
  }

  removed(): RemovedSizes {
    return { counts: this.#removedCounts.slice(), bytes: this.#removedBytes.slice() };
  }

  /**
   * The most that a view can hold which was taken after `removed` and before now, by ascending
   * size: puts that came after it count too, deletions that did don't.
   */
  heldSince(removed: RemovedSizes): SizeClass[] {
    return Array.from({ length: CLASSES }, (_, at) => ({
      atMostBytes: largestOf(at),
      count: this.#putCounts[at]! - removed.counts[at]!,
      bytes: this.#putBytes[at]! - removed.bytes[at]!,
    }));
  }
}

/** Small records are told apart finely, because a page of a snapshot holds many of them. */
const STEP_BITS = 5;
const SMALL_CLASSES = 32;
const SMALL_BYTES = SMALL_CLASSES << STEP_BITS;
/** What a page of etcd's file holds beside its header and the record's. */
const PAGE_RECORD_BYTES = 4096 - 16 - 16;
/** The small ones, those that fit a page, and the rest. */
const CLASSES = SMALL_CLASSES + 2;

function classOf(bytes: number): number {
  if (bytes < SMALL_BYTES) return bytes >> STEP_BITS;
  return bytes <= PAGE_RECORD_BYTES ? SMALL_CLASSES : SMALL_CLASSES + 1;
}

function largestOf(at: number): number {
  if (at < SMALL_CLASSES) return ((at + 1) << STEP_BITS) - 1;
  return at === SMALL_CLASSES ? PAGE_RECORD_BYTES : Number.POSITIVE_INFINITY;
}
