import type { Delivery } from "./delivery-queue.js";
import { watchLimits } from "./limits.js";

/**
 * Writes the responses of the next `count` watchers of a delivery, each behind gRPC's message
 * prefix. They have one length and differ in their ids alone, so the first is written out, doubled
 * until there are enough, and then the ids are patched: a few nanoseconds a watcher beside the
 * copying itself.
 * ```
 * 00 size(4) head id body | 00 size(4) head id body | ...      all `stride` bytes apart
 * ```
 * Where another stream's watchers had the same ids, as those of clients that do the same have, what
 * was written for that stream is copied whole.
 * @param options.size the length of one response without the prefix
 * @returns the offset behind them
 */
export function writeFrames(
  target: Uint8Array,
  offset: number,
  delivery: Delivery,
  options: { readonly count: number; readonly size: number },
): number {
  const { count, size } = options;
  const total = count * (PREFIX_BYTES + size);
  const { batch, idLength, ids } = delivery;
  const isRepeatable =
    batch.isShared &&
    ids !== undefined &&
    count === delivery.count &&
    batch.repeatMisses < MISSES_MAX &&
    total <= watchLimits.repeatedBytesMax;
  if (!isRepeatable) {
    writeAll(target, offset, delivery, { count, size });
    return offset + total;
  }
  const last = batch.repeats[idLength];
  if (last !== undefined && hasIds(last, ids, count * idLength)) {
    target.set(last.frames, offset);
  } else {
    writeAll(target, offset, delivery, { count, size });
    batch.repeatMisses++;
    batch.repeats[idLength] = {
      frames: copyOf(target, offset, offset + total),
      ids: copyOf(ids, 0, count * idLength),
    };
  }
  return offset + total;
}

const PREFIX_BYTES = 5;
/** Streams whose ids were others, after which no more is kept of a batch. */
const MISSES_MAX = 8;

/** Responses of one batch as they were written, and the id fields in them. */
export interface Repeat {
  readonly frames: Uint8Array;
  readonly ids: Uint8Array;
}

/** `slice` copies in an array and gives a view in a Buffer. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}

function hasIds(repeat: Repeat, ids: Uint8Array, length: number): boolean {
  if (repeat.ids.length !== length) return false;
  for (let i = 0; i < length; i++) if (repeat.ids[i] !== ids[i]) return false;
  return true;
}

function writeAll(
  target: Uint8Array,
  offset: number,
  delivery: Delivery,
  { count, size }: { readonly count: number; readonly size: number },
): void {
  const { batch, idLength } = delivery;
  target[offset] = 0;
  target[offset + 1] = size >>> 24;
  target[offset + 2] = size >>> 16;
  target[offset + 3] = size >>> 8;
  target[offset + 4] = size;
  let at = offset + PREFIX_BYTES;
  // A call of `set` costs more than this loop for the twenty bytes of a header.
  for (let i = 0; i < batch.head.length; i++) target[at++] = batch.head[i]!;
  const idAt = at;
  target.set(batch.body, idAt + idLength);
  const stride = PREFIX_BYTES + size;
  const total = count * stride;
  for (let done = stride; done < total; ) {
    const length = Math.min(done, total - done);
    target.copyWithin(offset + done, offset, offset + length);
    done += length;
  }
  if (idLength === 0) return;
  if (delivery.ids === undefined) patchFromWatchers(target, idAt, { delivery, count, stride });
  else patchFromTable(target, idAt, { delivery, count, stride }, delivery.ids);
}

interface Patch {
  readonly delivery: Delivery;
  readonly count: number;
  readonly stride: number;
}

function patchFromWatchers(target: Uint8Array, idAt: number, patch: Patch): void {
  const { idLength, watchers, sent } = patch.delivery;
  for (let i = 0; i < patch.count; i++) {
    const { idField } = watchers[sent + i]!;
    const position = idAt + i * patch.stride;
    for (let j = 0; j < idLength; j++) target[position + j] = idField[j]!;
  }
}

/** A table in one piece is read ahead by the processor; watchers lie all over the heap. */
function patchFromTable(
  target: Uint8Array,
  idAt: number,
  { delivery, count, stride }: Patch,
  ids: Uint8Array,
): void {
  const { idLength, sent } = delivery;
  let from = sent * idLength;
  let position = idAt;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < idLength; j++) target[position + j] = ids[from + j]!;
    from += idLength;
    position += stride;
  }
}
