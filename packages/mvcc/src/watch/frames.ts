import type { Batch } from "./batch.js";
import { watchLimits } from "./limits.js";
import { type Delivery, responseSize } from "./recipients.js";
import { RepeatRing } from "./repeat-ring.js";
import type { Recipients } from "./watcher.js";

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
   * @returns the offset behind them
   */
  write(target: Uint8Array, offset: number, delivery: Delivery, count: number): number {
    const { recipients, batch, sent } = delivery;
    const stride = PREFIX_BYTES + responseSize(recipients, batch);
    const length = count * stride;
    const place = this.#placeOf(recipients, batch, recipients.count * stride);
    if (place < 0) {
      this.finish();
      writeAll(target, offset, delivery, count);
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

  /** Where all `length` bytes for the recipients are in the ring; -1: it is not worth that. */
  #placeOf(recipients: Recipients, batch: Batch, length: number): number {
    const { ids } = recipients;
    if (!batch.isShared || ids === undefined || length > watchLimits.repeatedBytesMax) return -1;
    const found = this.#ring.find(recipients, batch, length);
    if (found >= 0) return found;
    const place = this.#ring.add(ids, batch, length);
    // What is outstanding may lie where the new entry is going to be written.
    if (place !== this.#to) this.finish();
    if (place >= 0) {
      writeAll(this.#ring.bytes, place, { recipients, batch, sent: 0 }, recipients.count);
    }
    return place;
  }
}

const PREFIX_BYTES = 5;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Writes the responses to the `count` recipients behind those that have theirs. */
function writeAll(target: Uint8Array, offset: number, delivery: Delivery, count: number): void {
  const { batch, recipients, sent } = delivery;
  const { idLength, ids } = recipients;
  const size = responseSize(recipients, batch);
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
  const patch = { recipients, sent, count, stride };
  if (ids === undefined) patchFromWatchers(target, idAt, patch);
  else patchFromTable(target, idAt, patch, ids);
}

interface Patch {
  readonly recipients: Recipients;
  readonly sent: number;
  readonly count: number;
  readonly stride: number;
}

function patchFromWatchers(target: Uint8Array, idAt: number, patch: Patch): void {
  const { idLength, watchers } = patch.recipients;
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
  { recipients, sent, count, stride }: Patch,
  ids: Uint8Array,
): void {
  const { idLength } = recipients;
  let from = sent * idLength;
  let position = idAt;
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < idLength; j++) target[position + j] = ids[from + j]!;
    from += idLength;
    position += stride;
  }
}
