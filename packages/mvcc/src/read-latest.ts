import { bytesToLatin1 } from "@kvorum/base";
import type { FoundRevision } from "./key-index.js";
import type { StoreState } from "./store-state.js";

/** A record as `bytes[start, end)`: stored bytes, which the next use of the store may overwrite. */
export interface LatestRecord {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/**
 * The hot path of all reads: the newest record of the key `bytes[start, end)`, of which nothing but
 * its bytes is wanted. For a key that was read before nothing is allocated and no index searched.
 * @returns false when the key does not exist
 */
export function readLatest(
  { index, reader, currentRevision }: StoreState,
  key: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
  into: LatestRecord,
): boolean {
  const { latest } = reader;
  const { bytes, start, end } = key;
  if (latest.find(bytes, start, end)) {
    into.bytes = latest.bytes;
    into.start = latest.start;
    into.end = latest.end;
    return true;
  }
  const keyBytes = bytes.subarray(start, end);
  if (!index.find(bytesToLatin1(keyBytes), currentRevision, found)) return false;
  const record = reader.readLatest(found.main, found.sub);
  latest.add(keyBytes, record);
  into.bytes = record;
  into.start = 0;
  into.end = record.length;
  return true;
}

const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
