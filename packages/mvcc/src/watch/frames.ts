import type { Delivery } from "./delivery-queue.js";
import { watchLimits } from "./limits.js";
import { RepeatRing } from "./repeat-ring.js";

/**
 * Writes the responses of watchers of a delivery, each behind gRPC's message prefix. They have one
 * length and differ in their ids alone, so the first is written out, doubled until there are
 * enough, and then the ids are patched: a few nanoseconds a watcher beside the copying itself.
 * ```
 * 00 size(4) head id body | 00 size(4) head id body | ...      all `stride` bytes apart
 * ```
 * What several streams may have to say goes by way of a `RepeatRing`: written there once, and copied
 * from there for every stream, the deliveries that follow one another there in one piece.
 */
export class FrameWriter {
  readonly #ring = new RepeatRing();
  /** `#ring.bytes[#from, #to)` is still to be copied to `#target` at `#at`. */
  #from = 0;
  #to = 0;
  #target: Uint8Array = NO_BYTES;
  #at = 0;

  /**
   * Writes those of the next `count` watchers; they are there after the next `finish`. The writes
   * before it go to one target, each to where the one before has ended.
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
    const { sent } = delivery;
    const stride = PREFIX_BYTES + size;
    const length = count * stride;
    const place = this.#placeOf(delivery, size);
    if (place < 0) {
      this.finish();
      writeAll(target, offset, delivery, { sent, count, size });
    } else if (place + sent * stride === this.#to && this.#from < this.#to) {
      this.#to += length;
    } else {
      this.finish();
      this.#from = place + sent * stride;
      this.#to = this.#from + length;
      this.#target = target;
      this.#at = offset;
    }
    return offset + length;
  }

  /** Nothing that was written is outstanding any more. */
  finish(): void {
    if (this.#from === this.#to) return;
    this.#target.set(this.#ring.bytes.subarray(this.#from, this.#to), this.#at);
    this.#from = this.#to;
    this.#target = NO_BYTES;
  }

  /** Forgets everything: no watcher is left. */
  clear(): void {
    this.#ring.clear();
  }

  /** Where all of `delivery` is in the ring; -1: it is not worth that. */
  #placeOf(delivery: Delivery, size: number): number {
    const { batch, ids, count } = delivery;
    const length = count * (PREFIX_BYTES + size);
    if (!batch.isShared || ids === undefined || length > watchLimits.repeatedBytesMax) return -1;
    const found = this.#ring.find(delivery, length);
    if (found >= 0) return found;
    const place = this.#ring.add(delivery, length);
    // What is outstanding may lie where the new entry is going to be written.
    if (place !== this.#to) this.finish();
    if (place >= 0) writeAll(this.#ring.bytes, place, delivery, { sent: 0, count, size });
    return place;
  }
}

const PREFIX_BYTES = 5;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/** The `count` watchers behind the first `sent`. */
interface Portion {
  readonly sent: number;
  readonly count: number;
  readonly size: number;
}

function writeAll(
  target: Uint8Array,
  offset: number,
  delivery: Delivery,
  { sent, count, size }: Portion,
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
  if (delivery.ids === undefined)
    patchFromWatchers(target, idAt, { delivery, sent, count, stride });
  else patchFromTable(target, idAt, { delivery, sent, count, stride }, delivery.ids);
}

interface Patch {
  readonly delivery: Delivery;
  readonly sent: number;
  readonly count: number;
  readonly stride: number;
}

function patchFromWatchers(target: Uint8Array, idAt: number, patch: Patch): void {
  const { idLength, watchers } = patch.delivery;
  for (let i = 0; i < patch.count; i++) {
    const { idField } = watchers[patch.sent + i]!;
    const position = idAt + i * patch.stride;
    for (let j = 0; j < idLength; j++) target[position + j] = idField[j]!;
  }
}

/** A table in one piece is read ahead by the processor; watchers lie all over the heap. */
function patchFromTable(
  target: Uint8Array,
  idAt: number,
  { delivery, sent, count, stride }: Patch,
  ids: Uint8Array,
): void {
  const { idLength } = delivery;
  let from = sent * idLength;
  let position = idAt;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < idLength; j++) target[position + j] = ids[from + j]!;
    from += idLength;
    position += stride;
  }
}
