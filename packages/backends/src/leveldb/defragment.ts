import { asBuffer } from "@kvorum/base";
import { BUCKET_IDS } from "../common/bucket-id.js";
import type { Defragmentation } from "../common/defragmentation.js";
import { LEVELDB_DEFRAGMENT_PART_BYTES, LEVELDB_DEFRAGMENT_REST_RATIO } from "../limits.js";
import type { DefragmentProgress } from "../port.js";
import type { LeveldbStore } from "./open-store.js";

/** Every key is between the two: buckets have numbers above 0, and few. */
const FIRST_KEY = Buffer.of(0);
const LAST_KEY = Buffer.of(0xff);

export interface DefragmentHost {
  readonly store: LeveldbStore;
  readonly totalBytes: number;
  readonly steps: Defragmentation;
}

/**
 * Compacts part after part on LevelDB's own threads, with rests: drops what was deleted and
 * overwritten. Reads and commits go on.
 */
export async function defragment(
  { store, totalBytes, steps }: DefragmentHost,
  onProgress: (progress: DefragmentProgress) => void,
): Promise<void> {
  // What LevelDB has in memory becomes a table now: a compaction writes it first, but decides before
  // that how many levels it has to go down.
  await store.compactRange(FIRST_KEY, FIRST_KEY);
  const bounds = await boundsOfParts(store, totalBytes);
  const parts = bounds.length - 1;
  for (let i = 0; i < parts; i++) {
    steps.check();
    onProgress({ doneBytes: Math.floor((totalBytes * i) / parts), totalBytes });
    const startMs = performance.now();
    await store.compactRange(bounds[i]!, bounds[i + 1]!);
    const tookMs = performance.now() - startMs;
    if (i + 1 < parts) await steps.rest(tookMs * LEVELDB_DEFRAGMENT_REST_RATIO);
  }
  onProgress({ doneBytes: totalBytes, totalBytes });
}

/**
 * Where the parts begin and end. They are cut in the bucket of revisions, at even distance between
 * the first and the last revision, which lead its keys. As few as serve, because LevelDB first
 * writes what it has in memory to a table, for each of them, with two syncs.
 */
async function boundsOfParts(store: LeveldbStore, totalBytes: number): Promise<Buffer[]> {
  const parts = BigInt(Math.ceil(totalBytes / LEVELDB_DEFRAGMENT_PART_BYTES));
  const bounds = [FIRST_KEY];
  const bucket = { gte: Buffer.of(BUCKET_IDS.key), lt: Buffer.of(BUCKET_IDS.key + 1) };
  const [first] = await store.keys({ ...bucket, limit: 1 }).all();
  const [last] = await store.keys({ ...bucket, limit: 1, reverse: true }).all();
  if (first !== undefined && last !== undefined && first.length >= 9 && last.length >= 9) {
    const low = asBuffer(first).readBigUInt64BE(1);
    const span = asBuffer(last).readBigUInt64BE(1) - low;
    for (let part = 1n; part < parts && span >= parts; part++) {
      const cut = Buffer.alloc(9);
      cut[0] = BUCKET_IDS.key;
      cut.writeBigUInt64BE(low + (span * part) / parts, 1);
      bounds.push(cut);
    }
  }
  bounds.push(LAST_KEY);
  return bounds;
}
