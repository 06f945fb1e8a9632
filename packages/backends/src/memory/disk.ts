import BTreeModule from "sorted-btree";
import { BUCKETS, type Bucket } from "../port.js";

// The package is CommonJS without an "exports" map, so Node hands over the whole module object.
const BTree = ((BTreeModule as { default?: unknown }).default ??
  BTreeModule) as unknown as typeof BTreeModule.default;

/** Keys as latin1 strings, which compare as their bytes do. */
export type Records = BTreeModule.default<string, Uint8Array>;

/** What one directory holds. */
export interface Volume {
  buckets: Record<Bucket, Records>;
  sizeBytes: number;
  /** Raised by a crash: a store that was opened before is dead. */
  epoch: number;
}

/**
 * The medium under memory engines: it outlives its stores, so that one can be opened again after a
 * close or a crash. A simulation holds one for each node.
 */
export class MemoryDisk {
  readonly #volumes = new Map<string, Volume>();
  /** Commits that would go beyond this fail with "NO_SPACE". */
  capacityBytes = Number.POSITIVE_INFINITY;

  /** What stands in the directory, created empty when absent. */
  volume(directory: string): Volume {
    let volume = this.#volumes.get(directory);
    if (volume === undefined) {
      volume = { buckets: emptyBuckets(), sizeBytes: 0, epoch: 0 };
      this.#volumes.set(directory, volume);
    }
    return volume;
  }

  /**
   * Power loss: commits that have not settled are gone, settled ones stay. Stores that are open
   * answer "IO" from now on; open them again.
   */
  crash(): void {
    for (const volume of this.#volumes.values()) volume.epoch++;
  }
}

/** All records of a volume as they are now; later changes don't show (the trees copy on write). */
export function freeze(volume: Volume): Volume["buckets"] {
  const entries = BUCKETS.map((bucket) => [bucket, volume.buckets[bucket].clone()]);
  return Object.fromEntries(entries) as Volume["buckets"];
}

function emptyBuckets(): Record<Bucket, Records> {
  const entries = BUCKETS.map((bucket) => [
    bucket,
    new BTree<string, Uint8Array>(undefined, compareText),
  ]);
  return Object.fromEntries(entries) as Record<Bucket, Records>;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
