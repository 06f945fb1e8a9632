import type { Delivery } from "./delivery-queue.js";

/**
 * Writes the responses of the next `count` watchers of a delivery, each behind gRPC's message
 * prefix. They have one length and differ in their ids alone, so the first is written out, doubled
 * until there are enough, and then the ids are patched: a few nanoseconds a watcher beside the
 * copying itself.
 * ```
 * 00 size(4) head id body | 00 size(4) head id body | ...      all `stride` bytes apart
 * ```
 * @param options.size the length of one response without the prefix
 */
export function writeFrames(
  target: Uint8Array,
  offset: number,
  options: { readonly delivery: Delivery; readonly count: number; readonly size: number },
): void {
  const { delivery, count, size } = options;
  const { batch, idLength } = delivery;
  target[offset] = 0;
  target[offset + 1] = size >>> 24;
  target[offset + 2] = size >>> 16;
  target[offset + 3] = size >>> 8;
  target[offset + 4] = size;
  let at = offset + 5;
  // A call of `set` costs more than this loop for the twenty bytes of a header.
  for (let i = 0; i < batch.head.length; i++) target[at++] = batch.head[i]!;
  const idAt = at;
  target.set(batch.body, idAt + idLength);
  const stride = 5 + size;
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
