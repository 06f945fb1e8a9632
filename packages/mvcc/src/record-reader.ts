import type { RawKeyValue } from "@kvorum/api";
import { MvccError } from "./error.js";
import { LatestRecords } from "./latest-records.js";
import { limits } from "./limits.js";
import type { RecordStore } from "./record-store.js";
import { ValueCache } from "./value-cache.js";

/**
 * Finds the record of a revision that the index names: active buffer, flushing buffer, value cache,
 * engine. Newest records that are read alone have a cache of their own, `latest`.
 */
export class RecordReader {
  readonly cache: ValueCache;
  readonly latest: LatestRecords;
  readonly #records: RecordStore;

  /** @param cacheBytes for both caches together */
  constructor(records: RecordStore, cacheBytes: number) {
    this.#records = records;
    const { latestShare, recentShare } = limits;
    const readShare = 1 - latestShare - recentShare;
    this.latest = new LatestRecords(cacheBytes * latestShare);
    this.cache = new ValueCache({
      recentBytes: cacheBytes * recentShare,
      readBytes: cacheBytes * readShare,
    });
    records.onSettled((generation) => this.cache.takeOver(generation));
  }

  /**
   * The stored bytes, never changed by anyone.
   * @param isScan see `ValueCache`
   * @throws MvccError "CORRUPT" when it is missing
   */
  read(main: number, sub: number, isScan = false): RawKeyValue {
    const held = this.#records.bufferedRecord(main, sub) ?? this.cache.get(main, sub, isScan);
    if (held !== undefined) return held;
    const stored = this.#stored(main, sub);
    this.cache.add(main, sub, stored, isScan);
    return stored;
  }

  /** As `read`, for a record that the caller keeps in `latest`: once in memory is enough. */
  readLatest(main: number, sub: number): RawKeyValue {
    const held = this.#records.bufferedRecord(main, sub) ?? this.cache.get(main, sub);
    return held ?? this.#stored(main, sub);
  }

  #stored(main: number, sub: number): RawKeyValue {
    const stored = this.#records.engineRecord(main, sub);
    if (stored !== undefined) return stored;
    throw new MvccError("CORRUPT", `revision ${main}.${sub} is indexed but not stored`);
  }
}
