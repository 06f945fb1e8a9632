import type { RawKeyValue } from "@kvorum/api";
import { MvccError } from "./error.js";
import type { RecordStore } from "./record-store.js";
import { ValueCache } from "./value-cache.js";

/**
 * Finds the record of a revision that the index names: active buffer, flushing buffer, value cache,
 * engine.
 */
export class RecordReader {
  readonly cache: ValueCache;
  readonly #records: RecordStore;

  constructor(records: RecordStore, cacheBytes: number) {
    this.#records = records;
    this.cache = new ValueCache(cacheBytes);
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
    const stored = this.#records.engineRecord(main, sub);
    if (stored === undefined) {
      throw new MvccError("CORRUPT", `revision ${main}.${sub} is indexed but not stored`);
    }
    this.cache.add(main, sub, stored, isScan);
    return stored;
  }
}
