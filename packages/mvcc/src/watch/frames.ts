import type { Batch } from "./batch.js";
import type { Delivery } from "./delivery-queue.js";
import { watchLimits } from "./limits.js";

/**
 * Writes the responses of watchers of a delivery, each behind gRPC's message prefix. They have one
 * length and differ in their ids alone, so the first is written out, doubled until there are
 * enough, and then the ids are patched: a few nanoseconds a watcher beside the copying itself.
 * ```
 * 00 size(4) head id body | 00 size(4) head id body | ...      all `stride` bytes apart
 * ```
 * Where another stream's watchers had the same ids, as those of clients that do the same have, what
 * was written for that stream is copied whole. What is kept for that has fixed memory, used again
 * and again: it makes no garbage, and keeps alive few batches that nobody waits for.
 */
export class FrameWriter {
  readonly #repeats = new Array<Repeat | undefined>(watchLimits.repeatsMax).fill(undefined);
  #isEmpty = true;

  /**
   * Writes those of the next `count` watchers.
   * @param options.size the length of one response without the prefix
   * @returns the offset behind them
   */
  write(
    target: Uint8Array,
    offset: number,
    delivery: Delivery,
    options: { readonly count: number; readonly size: number },
  ): number {
    const { count, size } = options;
    const stride = PREFIX_BYTES + size;
    const end = offset + count * stride;
    const { batch, idLength, ids, sent } = delivery;
    const total = delivery.count * stride;
    if (!batch.isShared || ids === undefined || total > watchLimits.repeatedBytesMax) {
      writeAll(target, offset, delivery, { count, size });
      return end;
    }
    const place = placeOf(batch, idLength);
    const known = this.#repeats[place];
    const isWhole = count === delivery.count;
    if (known?.batch === batch && hasIds(known, ids, delivery.count * idLength)) {
      const { frames } = known;
      target.set(
        isWhole ? frames : frames.subarray(sent * stride, (sent + count) * stride),
        offset,
      );
      return end;
    }
    writeAll(target, offset, delivery, { count, size });
    if (isWhole) this.#keep(place, delivery, target, offset, end);
    return end;
  }

  /** Forgets everything: no watcher is left. */
  clear(): void {
    if (this.#isEmpty) return;
    this.#repeats.fill(undefined);
    this.#isEmpty = true;
  }

  #keep(place: number, delivery: Delivery, target: Uint8Array, start: number, end: number): void {
    const { batch, count, idLength, ids } = delivery;
    const before = this.#repeats[place];
    const misses = before?.batch === batch ? before.misses + 1 : 0;
    if (misses > MISSES_MAX) return;
    const memory = before?.memory ?? Buffer.allocUnsafeSlow(watchLimits.repeatedBytesMax);
    const frames = memory.subarray(0, end - start);
    frames.set(target.subarray(start, end));
    const kept = new Uint8Array(count * idLength);
    for (let i = 0; i < kept.length; i++) kept[i] = ids![i]!;
    this.#repeats[place] = { batch, ids: kept, memory, frames, misses };
    this.#isEmpty = false;
  }
}

const PREFIX_BYTES = 5;
/** Streams whose ids were others, after which a batch is not kept again. */
const MISSES_MAX = 8;
/** Keeps the id lengths of one revision apart from those of the revisions around it. */
const LENGTH_STEP = 21;

/** Responses of one batch as they were written, and the id fields in them. */
interface Repeat {
  readonly batch: Batch;
  readonly ids: Uint8Array;
  readonly memory: Buffer;
  /** The part of `memory` in use. */
  readonly frames: Buffer;
  readonly misses: number;
}

/** Revisions that streams are at lie close together. */
function placeOf(batch: Batch, idLength: number): number {
  return (batch.from + idLength * LENGTH_STEP) % watchLimits.repeatsMax;
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
