import { etcdserverpb, type RawKeyValue, type RawRangeResponse } from "@kvorum/api";
import { bytesToLatin1 } from "@kvorum/base";
import type { FoundRevision } from "./key-index.js";
import { limits } from "./limits.js";
import {
  hasRevisionFilters,
  type IndexedItem,
  isDefaultOrdering,
  keyOnly,
  NO_VALUE,
  orderOfItems,
  passesFilters,
  type RangeItem,
  valueOfRecord,
  withoutValue,
} from "./range-items.js";
import { SteppedSort } from "./stepped-sort.js";
import { type StoreState, toKeyRange } from "./store-state.js";
import { keyAfter } from "./tree-index.js";

type RangeRequest = etcdserverpb.RangeRequest;
const { RangeRequest_SortOrder: SortOrder, RangeRequest_SortTarget: SortTarget } = etcdserverpb;

export interface RangeAt {
  /** The readable revision that is read. */
  readonly at: number;
  /** The revision for the reply's header. */
  readonly headerRevision: number;
}

/** Reads in one go, however long it takes: inside a transaction. */
export function rangeNow(
  state: StoreState,
  request: RangeRequest,
  when: RangeAt,
): RawRangeResponse {
  if (request.rangeEnd.length === 0) return rangeOneKey(state, request, when);
  const range = new RangeRead(state, request, when);
  while (!range.step(Number.POSITIVE_INFINITY));
  return range.response();
}

/**
 * Reads at once when that is short; else in chunks over several turns, with the revision pinned
 * against compaction. The promise form costs the caller's `request` its freedom: it is borrowed
 * until the promise settles.
 */
export function rangeInChunks(
  state: StoreState,
  request: RangeRequest,
  when: RangeAt,
): RawRangeResponse | Promise<RawRangeResponse> {
  if (request.rangeEnd.length === 0) return rangeOneKey(state, request, when);
  const range = new RangeRead(state, request, when);
  if (workAStretch(state, range)) return range.response();
  const release = state.pins.hold(when.at);
  return new Promise<RawRangeResponse>((resolve, reject) => {
    const goOn = (): void => {
      try {
        if (workAStretch(state, range)) resolve(range.response());
        else state.clock.soon(goOn);
      } catch (error) {
        reject(error);
      }
    };
    state.clock.soon(goOn);
  }).finally(release);
}

/**
 * Goes on without a turn for others until a few milliseconds are over: a record costs a tenth of a
 * microsecond from a cache and many from a disk, and every turn may last long on a busy server.
 * @returns true when the reply is ready
 */
function workAStretch({ clock }: StoreState, range: RangeRead): boolean {
  const startMs = clock.nowMs();
  let left = limits.rangeChunkUnits;
  // A process that lost its core for a while still gets this far.
  for (let step = STRETCH_UNITS_MIN; left > 0; step = STEP_UNITS) {
    if (range.step(step)) return true;
    left -= step;
    if (clock.nowMs() - startMs >= STRETCH_MS) return false;
  }
  return false;
}

/** The hot path: one key, one record. */
function rangeOneKey(state: StoreState, request: RangeRequest, when: RangeAt): RawRangeResponse {
  const key = bytesToLatin1(request.key);
  const isFound = state.index.find(key, when.at, found);
  const kvs: RawKeyValue[] = [];
  if (isFound && !request.countOnly && passesFilters(request, found)) {
    kvs.push(
      request.keysOnly
        ? oneKeyOnly(state, request, { key, ...found })
        : state.reader.read(found.main, found.sub),
    );
  }
  const count = isFound ? 1 : 0;
  return { kind: "range", revision: when.headerRevision, kvs, more: false, count };
}

function oneKeyOnly(state: StoreState, request: RangeRequest, item: IndexedItem): RawKeyValue {
  const isFromIndex = request.sortTarget !== SortTarget.VALUE;
  return isFromIndex ? keyOnly(item) : withoutValue(state.reader.read(item.main, item.sub));
}

const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };

/**
 * A range under way. The walk goes over the whole range, because the count is exact; it reads the
 * records of the first keys as it passes them (when the reply holds them in key order) or notes
 * items, which are then filtered by the index's own data, sorted, cut and only then read.
 */
export class RangeRead {
  readonly #state: StoreState;
  readonly #request: RangeRequest;
  readonly #when: RangeAt;
  readonly #end: string | undefined;
  /** Items or records wanted before the cut. */
  readonly #fetchMax: number;
  readonly #limit: number;
  readonly #readsDirectly: boolean;
  readonly #readsValues: boolean;
  readonly #found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
  #items: RangeItem[] = [];
  /** Between the walk and the reading of what is left. */
  #sort: SteppedSort<RangeItem> | undefined;
  readonly #kvs: RawKeyValue[] = [];
  #count = 0;
  #more = false;
  /** Where the walk goes on; undefined once it is over. */
  #next: string | undefined;

  constructor(state: StoreState, request: RangeRequest, when: RangeAt) {
    this.#state = state;
    this.#request = request;
    this.#when = when;
    const { start, end } = toKeyRange(request.key, request.rangeEnd);
    this.#next = start;
    this.#end = end;
    const isSortedByKey = request.sortTarget === SortTarget.KEY;
    const fetchesAll = !isDefaultOrdering(request) || hasRevisionFilters(request);
    this.#limit = request.limit > 0 ? request.limit : Number.POSITIVE_INFINITY;
    this.#readsDirectly = !fetchesAll && isSortedByKey && !request.keysOnly;
    this.#readsValues = request.sortTarget === SortTarget.VALUE;
    if (request.countOnly) this.#fetchMax = 0;
    else if (this.#readsDirectly) this.#fetchMax = this.#limit;
    else this.#fetchMax = fetchesAll ? Number.POSITIVE_INFINITY : this.#limit + 1;
  }

  /**
   * Works for about `units`; see `limits.rangeChunkUnits`. @returns true when the reply is ready
   */
  step(units: number): boolean {
    if (this.#next !== undefined || this.#sort !== undefined) {
      if (!this.#arrange(units)) return false;
      if (units !== Number.POSITIVE_INFINITY && this.#items.length > KEYS_AFTER_WALK) return false;
    }
    return this.#materialize(units);
  }

  response(): RawRangeResponse {
    return {
      kind: "range",
      revision: this.#when.headerRevision,
      kvs: this.#kvs,
      more: this.#more,
      count: this.#count,
    };
  }

  #walk(units: number): void {
    let left = units;
    if (!this.#hasFetched()) {
      const range = { start: this.#next!, end: this.#end };
      this.#next = undefined;
      this.#state.index.visit(range, this.#when.at, this.#found, (key) => {
        this.#count++;
        left -= this.#note(key) ? limits.rangeFetchUnits : 1;
        if (left > 0 && !this.#hasFetched()) return true;
        this.#next = keyAfter(key);
        return false;
      });
    }
    // Behind the last key wanted the others are only counted, which is several times faster.
    if (this.#next === undefined || left <= 0) return;
    const rest = { start: this.#next, end: this.#end };
    const { count, next } = this.#state.index.count(rest, this.#when.at, left);
    this.#count += count;
    this.#next = next;
  }

  #hasFetched(): boolean {
    return (this.#readsDirectly ? this.#kvs : this.#items).length >= this.#fetchMax;
  }

  /** @returns whether the key was fetched, not only counted */
  #note(key: string): boolean {
    const { main, sub, created, version } = this.#found;
    if (this.#readsDirectly) {
      const isScan = this.#kvs.length >= limits.rangeScanKeys;
      this.#kvs.push(this.#state.reader.read(main, sub, isScan));
      return true;
    }
    if (!passesFilters(this.#request, this.#found)) return false;
    const record = this.#readsValues ? this.#state.reader.read(main, sub) : undefined;
    const value = record === undefined ? NO_VALUE : valueOfRecord(record);
    this.#items.push({ key, main, sub, created, version, record, value });
    return true;
  }

  /** Walks, then sorts and cuts. @returns whether the items are those of the reply */
  #arrange(units: number): boolean {
    if (this.#next !== undefined) {
      this.#walk(units);
      if (this.#next !== undefined) return false;
      const { countOnly, sortOrder, sortTarget } = this.#request;
      if (countOnly) return true;
      if (this.#readsDirectly) {
        this.#more = this.#count > this.#limit;
        return true;
      }
      if (sortTarget !== SortTarget.KEY) {
        this.#sort = new SteppedSort(this.#items, orderOfItems(this.#request));
      } else if (sortOrder === SortOrder.DESCEND) {
        // Keys are distinct and the items come in key order.
        this.#items.reverse();
      }
    }
    if (this.#sort !== undefined) {
      if (!this.#sort.step(Math.ceil(units / limits.rangeFetchUnits))) return false;
      this.#items = this.#sort.items;
      this.#sort = undefined;
    }
    this.#more = this.#items.length > this.#limit;
    if (this.#more) this.#items.length = this.#limit;
    return true;
  }

  #materialize(units: number): boolean {
    const from = this.#kvs.length;
    if (this.#readsDirectly) return true;
    const to = Math.min(this.#items.length, from + units / limits.rangeFetchUnits);
    for (let i = from; i < to; i++) this.#kvs.push(this.#keyValueOf(this.#items[i]!));
    return to === this.#items.length;
  }

  #keyValueOf(item: RangeItem): RawKeyValue {
    if (this.#request.keysOnly) {
      return this.#readsValues ? withoutValue(item.record!) : keyOnly(item);
    }
    return item.record ?? this.#state.reader.read(item.main, item.sub);
  }
}

/** How long a range keeps others waiting at one time, about. */
const STRETCH_MS = 3;
/** Work that is done at one time whatever the clock says. */
const STRETCH_UNITS_MIN = 1_000 * limits.rangeFetchUnits;
/** Work between two looks at the clock: about 0.1 ms from a cache, 1 ms from an engine. */
const STEP_UNITS = 250 * limits.rangeFetchUnits;
/** Items that may still be turned into records in the turn that ended the walk. */
const KEYS_AFTER_WALK = 100;
