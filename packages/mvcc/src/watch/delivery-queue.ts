import type { Batch } from "./batch.js";
import type { FrameWriter } from "./frames.js";
import { watchLimits } from "./limits.js";
import type { FrameSpace, WatchCounters, WatchOutput } from "./output.js";
import type { Watcher } from "./watcher.js";
import { FRAGMENT_FIELD } from "./wire.js";

/** One batch for watchers of one stream whose id fields have one length. */
export interface Delivery {
  /** The first `count` of them are meant; a cohort may have grown since. */
  readonly watchers: Watcher[];
  /** The array is the delivery's own, not a cohort's. */
  readonly isOwn: boolean;
  count: number;
  /** How many of them were given it. */
  sent: number;
  readonly batch: Batch;
  readonly idLength: number;
  /** Their id fields, back to back, at least `count`; undefined: to be taken from each of them. */
  readonly ids: Uint8Array | undefined;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
}

/** gRPC's message prefix: compressed flag and length. */
const PREFIX_BYTES = 5;

export interface FlushOptions {
  readonly output: WatchOutput;
  readonly frames: FrameWriter;
  /** Scratch memory of `watchLimits.chunkBytes`. */
  readonly chunk: Uint8Array;
  /** Size from which a response is split for watchers that allow it. */
  readonly fragmentBytes: number;
}

/**
 * What a stream still has to send, as references to shared batches: bytes are made when they are
 * handed over, so that a thousand watchers of one event cost one entry.
 */
export class DeliveryQueue {
  readonly #counters: WatchCounters;
  #entries: Delivery[] = [];
  #head = 0;
  #bytes = 0;
  #isClosed = false;
  /** Written by the last `#fill`. */
  #responses = 0;

  constructor(counters: WatchCounters) {
    this.#counters = counters;
  }

  get isEmpty(): boolean {
    return this.#head === this.#entries.length;
  }

  /** More than a blocked stream may keep. */
  get isFull(): boolean {
    const count = this.#entries.length - this.#head;
    return count > watchLimits.deliveriesMax || this.#bytes > watchLimits.deliveryBytesMax;
  }

  push(delivery: Delivery): void {
    this.#entries.push(delivery);
    this.#bytes += delivery.batch.bodyLength;
    this.#counters.pendingEvents += delivery.count * delivery.batch.events.length;
  }

  /** Adds a watcher to the newest delivery if that has the same content and form. */
  extend(watcher: Watcher, batch: Batch): boolean {
    const last = this.#entries[this.#entries.length - 1];
    if (last === undefined || last.batch !== batch || !last.isOwn) return false;
    const sameForm =
      last.idLength === watcher.idField.length &&
      last.fragment === watcher.fragment &&
      last.progressNotify === watcher.progressNotify;
    if (!sameForm) return false;
    last.watchers.push(watcher);
    last.count++;
    this.#counters.pendingEvents += batch.events.length;
    return true;
  }

  /**
   * Hands over as much as the output takes.
   * @returns false when the output asked to wait; what remains stays queued
   */
  flush(options: FlushOptions): boolean {
    const { output } = options;
    while (!this.isEmpty) {
      const delivery = this.#entries[this.#head]!;
      const size = responseSize(delivery);
      let isOpen: boolean;
      if (this.#isSingle(delivery, size, options)) {
        isOpen = this.#writeSingly(delivery, size, options);
      } else {
        const space = output.openFrame?.(PREFIX_BYTES + size);
        isOpen = space === undefined ? this.#writeChunk(options) : this.#writeFrame(space, options);
      }
      if (!isOpen) return this.#isClosed;
    }
    return true;
  }

  /** Empties the queue and returns what was in it. */
  takeAll(): Delivery[] {
    const taken = this.#entries.slice(this.#head);
    for (const delivery of taken) {
      const count = delivery.count - delivery.sent;
      this.#counters.pendingEvents -= count * delivery.batch.events.length;
    }
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    return taken;
  }

  /** Drops everything, also under a `flush` that is on the stack. */
  close(): void {
    this.takeAll();
    this.#isClosed = true;
  }

  #writeFrame(space: FrameSpace, options: FlushOptions): boolean {
    this.#responses = 0;
    const length = this.#fill(space.bytes, space.start, space.end, options) - space.start;
    return options.output.closeFrame!(length, this.#responses);
  }

  #writeChunk(options: FlushOptions): boolean {
    const { output, chunk } = options;
    this.#responses = 0;
    const length = this.#fill(chunk, 0, chunk.length, options);
    return output.writeFramed!(chunk, length, this.#responses);
  }

  /** Writes the next responses to `target[start, end)`, as many as fit; returns where they end. */
  #fill(target: Uint8Array, start: number, end: number, options: FlushOptions): number {
    let at = start;
    while (!this.isEmpty) {
      const delivery = this.#entries[this.#head]!;
      const size = responseSize(delivery);
      const fits = Math.floor((end - at) / (PREFIX_BYTES + size));
      if (fits === 0 || this.#isSingle(delivery, size, options)) break;
      const count = Math.min(delivery.count - delivery.sent, fits);
      at = options.frames.write(target, at, delivery, { count, size });
      this.#responses += count;
      this.#advance(delivery, count);
    }
    options.frames.finish();
    this.#counters.bytesSent += at - start;
    return at;
  }

  #isSingle(delivery: Delivery, size: number, options: FlushOptions): boolean {
    return (
      options.output.writeFramed === undefined ||
      delivery.batch.bodyLength > watchLimits.copiedBodyBytesMax ||
      mustSplit(delivery, size, options.fragmentBytes)
    );
  }

  #writeSingly(delivery: Delivery, size: number, options: FlushOptions): boolean {
    const isSplit = mustSplit(delivery, size, options.fragmentBytes);
    while (delivery.sent < delivery.count) {
      const watcher = delivery.watchers[delivery.sent]!;
      const isOpen = isSplit
        ? writeFragments(watcher, delivery.batch, options)
        : options.output.write([delivery.batch.head, watcher.idField, delivery.batch.body]);
      if (this.#isClosed) return false;
      this.#counters.bytesSent += size;
      this.#advance(delivery, 1);
      if (!isOpen) return false;
    }
    return true;
  }

  /** Notes that `count` more watchers were given `delivery`, the head of the queue. */
  #advance(delivery: Delivery, count: number): void {
    const events = count * delivery.batch.events.length;
    this.#counters.pendingEvents -= events;
    this.#counters.eventsSent += events;
    if (delivery.progressNotify) {
      for (let i = 0; i < count; i++) delivery.watchers[delivery.sent + i]!.quiet = false;
    }
    delivery.sent += count;
    if (delivery.sent < delivery.count) return;
    this.#bytes -= delivery.batch.bodyLength;
    this.#head++;
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0;
      this.#head = 0;
    }
  }
}

function responseSize({ batch, idLength }: Delivery): number {
  return batch.head.length + idLength + batch.bodyLength;
}

function mustSplit(delivery: Delivery, size: number, fragmentBytes: number): boolean {
  return delivery.fragment && delivery.batch.events.length > 1 && size >= fragmentBytes;
}

/**
 * Sends a batch as several responses, each below the limit unless a single event is above it; all
 * but the last say that more follows. They are sent even if the output asks to wait in between.
 */
function writeFragments(watcher: Watcher, batch: Batch, options: FlushOptions): boolean {
  const { events, head } = batch;
  const overhead = head.length + watcher.idField.length + FRAGMENT_FIELD.length;
  let isOpen = true;
  let start = 0;
  while (start < events.length) {
    let end = start + 1;
    let size = overhead + events[start]!.length;
    while (end < events.length && size + events[end]!.length < options.fragmentBytes) {
      size += events[end]!.length;
      end++;
    }
    const more = end < events.length ? [FRAGMENT_FIELD] : [];
    const parts = [head, watcher.idField, ...more, ...events.slice(start, end)];
    isOpen = options.output.write(parts) && isOpen;
    start = end;
  }
  return isOpen;
}
