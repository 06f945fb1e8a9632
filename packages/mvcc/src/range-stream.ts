import { apiError, etcdserverpb, type RawKeyValue } from "@kvorum/api";
import type { FoundRevision } from "./key-index.js";
import { limits } from "./limits.js";
import { rangeNow } from "./range.js";
import { hasRevisionFilters, isDefaultOrdering, keyOnly } from "./range-items.js";
import { readableRevision, type StoreState, toKeyRange } from "./store-state.js";
import { type KeyRange, keyAfter } from "./tree-index.js";

/** One message of a RangeStream. */
export interface RangeChunk {
  readonly kvs: readonly RawKeyValue[];
  /** Only the last message has a header, more and count. */
  readonly last:
    | { readonly revision: number; readonly more: boolean; readonly count: number }
    | undefined;
}

/**
 * See `Store.rangeChunks`. With another sort target than the key, and no order, the range is sorted
 * as a whole and comes in one chunk, as Range answers it. etcd does so up to its first chunk; of a
 * longer range it sorts each chunk by itself and then loses its place, which nobody can want.
 * Source: etcd 3.7, EtcdServer.rangeStream.
 */
export function* rangeChunks(
  state: StoreState,
  request: etcdserverpb.RangeRequest,
  requestBytesMax: number,
): Generator<RangeChunk, void, void> {
  if (!isDefaultOrdering(request)) throw apiError("streamSortUnsupported");
  if (hasRevisionFilters(request)) throw apiError("streamFilterUnsupported");
  const revision = state.currentRevision;
  const at = readableRevision(state, request.revision, revision);
  const release = state.pins.hold(at);
  try {
    if (request.countOnly) {
      const { count } = rangeNow(state, request, { at, headerRevision: revision });
      yield { kvs: [], last: { revision, more: false, count } };
      return;
    }
    // The whole range when one key or a negative limit is asked for, as etcd does.
    const isSorted = request.sortTarget !== etcdserverpb.RangeRequest_SortTarget.KEY;
    if (request.rangeEnd.length === 0 || request.limit < 0 || isSorted) {
      const { kvs, more, count } = rangeNow(state, request, { at, headerRevision: revision });
      yield { kvs, last: { revision, more, count } };
      return;
    }
    yield* chunksOf(state, { request, at, revision, requestBytesMax });
  } finally {
    release();
  }
}

function* chunksOf(
  state: StoreState,
  options: {
    readonly request: etcdserverpb.RangeRequest;
    readonly at: number;
    readonly revision: number;
    readonly requestBytesMax: number;
  },
): Generator<RangeChunk, void, void> {
  const { request, at, revision, requestBytesMax } = options;
  const { start, end } = toKeyRange(request.key, request.rangeEnd);
  const limit = request.limit === 0 ? Number.POSITIVE_INFINITY : request.limit;
  let from = start;
  let sent = 0;
  let chunkLimit = Math.min(limits.rangeStreamFirstKeys, limit);
  for (;;) {
    const chunk = readChunk(state, { start: from, end }, { at, request, keysMax: chunkLimit });
    sent += chunk.kvs.length;
    if (chunk.next === undefined || sent === limit) {
      const more = chunk.next !== undefined;
      const rest = more ? restOf(state, { start: chunk.next!, end }, at) : 0;
      yield { kvs: chunk.kvs, last: { revision, more, count: sent + rest } };
      return;
    }
    yield { kvs: chunk.kvs, last: undefined };
    from = chunk.next;
    if (chunk.bytes < requestBytesMax / 2) chunkLimit *= 2;
    else if (chunk.bytes > requestBytesMax * 2) chunkLimit = Math.max(1, chunkLimit >>> 1);
    chunkLimit = Math.min(chunkLimit, limit - sent);
  }
}

interface StreamChunk {
  readonly kvs: RawKeyValue[];
  readonly bytes: number;
  /** Where the next chunk begins; undefined when the range has no more keys. */
  readonly next: string | undefined;
}

function readChunk(
  state: StoreState,
  range: KeyRange,
  options: {
    readonly at: number;
    readonly request: etcdserverpb.RangeRequest;
    readonly keysMax: number;
  },
): StreamChunk {
  const { at, request, keysMax } = options;
  const isScan = keysMax > limits.rangeScanKeys;
  const kvs: RawKeyValue[] = [];
  let bytes = 0;
  let lastKey = "";
  let next: string | undefined;
  const found: FoundRevision = { main: 0, sub: 0, created: 0, version: 0 };
  state.index.visit(range, at, found, (key) => {
    if (kvs.length === keysMax) {
      next = keyAfter(lastKey);
      return false;
    }
    const kv = request.keysOnly
      ? keyOnly({ key, ...found })
      : state.reader.read(found.main, found.sub, isScan);
    kvs.push(kv);
    bytes += kv.length + KEY_VALUE_OVERHEAD_BYTES;
    lastKey = key;
    return true;
  });
  return { kvs, bytes, next };
}

/** Tag and length of one KeyValue in a RangeResponse, about. */
const KEY_VALUE_OVERHEAD_BYTES = 3;

function restOf(state: StoreState, range: KeyRange, at: number): number {
  return state.index.count(range, at, Number.POSITIVE_INFINITY).count;
}
