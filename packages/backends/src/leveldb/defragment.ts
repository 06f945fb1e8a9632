import { asBuffer } from "@kvorum/base";
import { BUCKET_IDS } from "../common/bucket-id.js";
import type { DefragmentProgress } from "../port.js";

import type { DirectorySize } from "./directory-size.js";
import type { LeveldbStore } from "./open-store.js";

/** Parts into which the bucket of revisions is cut, so that there is progress to report. */
const PARTS = 16;

/**
 * Compacts part after part on LevelDB's own threads: drops what was deleted and overwritten.
 * Reads and commits go on.
 */
export async function defragment(
  store: LeveldbStore,
  size: DirectorySize,
  onProgress: (progress: DefragmentProgress) => void,
): Promise<void> {
  const totalBytes = size.bytes;
  const ranges = await rangesOf(store);
  for (let i = 0; i < ranges.length; i++) {
    onProgress({ doneBytes: Math.floor((totalBytes * i) / ranges.length), totalBytes });
    const { from, to } = ranges[i]!;
    await store.compactRange(from, to);
  }
  await size.settled();
  await size.measure();
  onProgress({ doneBytes: totalBytes, totalBytes });
}

interface KeyRange {
  readonly from: Buffer;
  readonly to: Buffer;
}

/**
 * The buckets before the one of revisions, its parts, the buckets behind it. As few as that tells,
 * because LevelDB first writes what it has in memory to a table, for each of them, with two syncs.
 */
async function rangesOf(store: LeveldbStore): Promise<KeyRange[]> {
  const from = Buffer.of(BUCKET_IDS.key);
  const to = Buffer.of(BUCKET_IDS.key + 1);
  const cuts = await cutsBetween(store, from, to);
  const bounds = [Buffer.of(0), from, ...cuts, to, Buffer.of(0xff)];
  return bounds.slice(1).map((bound, i) => ({ from: bounds[i]!, to: bound }));
}

/** Points at even distance between the first and the last revision, which lead their keys. */
async function cutsBetween(store: LeveldbStore, gte: Buffer, lt: Buffer): Promise<Buffer[]> {
  const [first] = await store.keys({ gte, lt, limit: 1 }).all();
  const [last] = await store.keys({ gte, lt, limit: 1, reverse: true }).all();
  if (first === undefined || last === undefined || last.length < 9 || first.length < 9) return [];
  const low = asBuffer(first).readBigUInt64BE(1);
  const span = asBuffer(last).readBigUInt64BE(1) - low;
  const cuts: Buffer[] = [];
  for (let part = 1n; part < BigInt(PARTS) && span >= BigInt(PARTS); part++) {
    const cut = Buffer.alloc(9);
    cut[0] = gte[0]!;
    cut.writeBigUInt64BE(low + (span * part) / BigInt(PARTS), 1);
    cuts.push(cut);
  }
  return cuts;
}
