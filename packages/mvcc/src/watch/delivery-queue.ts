import type { Batch } from "./batch.js";
import type { FrameWriter } from "./frames.js";
import { watchLimits } from "./limits.js";
import type { FrameSpace, WatchCounters, WatchOutput } from "./output.js";
import { type Delivery, responseSize } from "./recipients.js";
import type { Recipients, Watcher } from "./watcher.js";
import { FRAGMENT_FIELD } from "./wire.js";

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
  /** What is queued: `#batches[i]` for `#recipients[i]`, from `#head` on. */
  #recipients: Recipients[] = [];
  #batches: Batch[] = [];
  #head = 0;
  /** Of the recipients at the head, those that were given their batch. */
  #sent = 0;
  #bytes = 0;
  #isClosed = false;
  /** Written by the last `#fill`. */
  #responses = 0;

  constructor(counters: WatchCounters) {
    this.#counters = counters;
  }

  get isEmpty(): boolean {
    return this.#head === this.#batches.length;
  }

  /** More than a blocked stream may keep. */
  get isFull(): boolean {
    const count = this.#batches.length - this.#head;
    return count > watchLimits.deliveriesMax || this.#bytes > watchLimits.deliveryBytesMax;
  }

  push(recipients: Recipients, batch: Batch): void {
    this.#recipients.push(recipients);
    this.#batches.push(batch);
    this.#bytes += batch.bodyLength;
    this.#counters.pendingEvents += recipients.count * batch.events.length;
  }

  /** Adds a watcher to the newest delivery if that has the same content and form. */
  extend(watcher: Watcher, batch: Batch): boolean {
    const newest = this.#batches.length - 1;
    if (newest < 0 || this.#batches[newest] !== batch) return false;
    const last = this.#recipients[newest]!;
    const sameForm =
      last.isOwn &&
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
      const recipients = this.#recipients[this.#head]!;
      const batch = this.#batches[this.#head]!;
      let isOpen: boolean;
      if (isSingle(recipients, batch, options)) {
        isOpen = this.#writeSingly(recipients, batch, options);
      } else {
        const space = output.openFrame?.(PREFIX_BYTES + responseSize(recipients, batch));
        isOpen = space === undefined ? this.#writeChunk(options) : this.#writeFrame(space, options);
      }
      if (!isOpen) return this.#isClosed;
    }
    return true;
  }

  /** Empties the queue and returns what was in it. */
  takeAll(): Delivery[] {
    const taken: Delivery[] = [];
    for (let i = this.#head; i < this.#batches.length; i++) {
      const recipients = this.#recipients[i]!;
      const batch = this.#batches[i]!;
      const sent = i === this.#head ? this.#sent : 0;
      this.#counters.pendingEvents -= (recipients.count - sent) * batch.events.length;
      taken.push({ recipients, batch, sent });
    }
    this.#recipients = [];
    this.#batches = [];
    this.#head = 0;
    this.#sent = 0;
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
      const recipients = this.#recipients[this.#head]!;
      const batch = this.#batches[this.#head]!;
      const sent = this.#sent;
      const fits = Math.floor((end - at) / (PREFIX_BYTES + responseSize(recipients, batch)));
      if (fits === 0 || isSingle(recipients, batch, options)) break;
      const count = Math.min(recipients.count - sent, fits);
      at = options.frames.write(target, at, { recipients, batch, sent }, count);
      this.#responses += count;
      this.#advance(recipients, batch, count);
    }
    options.frames.finish();
    this.#counters.bytesSent += at - start;
    return at;
  }

  #writeSingly(recipients: Recipients, batch: Batch, options: FlushOptions): boolean {
    const size = responseSize(recipients, batch);
    const isSplit = mustSplit(recipients, batch, options.fragmentBytes);
    for (let left = recipients.count - this.#sent; left > 0; left--) {
      const watcher = recipients.watchers[this.#sent]!;
      const isOpen = isSplit
        ? writeFragments(watcher, batch, options)
        : options.output.write([batch.head, watcher.idField, batch.body]);
      if (this.#isClosed) return false;
      this.#counters.bytesSent += size;
      this.#advance(recipients, batch, 1);
      if (!isOpen) return false;
    }
    return true;
  }

  /** Notes that `count` more watchers were given what is at the head of the queue. */
  #advance(recipients: Recipients, batch: Batch, count: number): void {
    const events = count * batch.events.length;
    this.#counters.pendingEvents -= events;
    this.#counters.eventsSent += events;
    if (recipients.progressNotify) {
      for (let i = 0; i < count; i++) recipients.watchers[this.#sent + i]!.quiet = false;
    }
    this.#sent += count;
    if (this.#sent < recipients.count) return;
    this.#sent = 0;
    this.#bytes -= batch.bodyLength;
    this.#head++;
    if (this.isEmpty || this.#head > watchLimits.deliveriesMax) this.#dropSent();
  }

  /** Forgets the deliveries before the head. */
  #dropSent(): void {
    if (this.isEmpty) {
      this.#recipients.length = 0;
      this.#batches.length = 0;
    } else {
      this.#recipients = this.#recipients.slice(this.#head);
      this.#batches = this.#batches.slice(this.#head);
    }
    this.#head = 0;
  }
}

/** Each response is handed over alone. */
function isSingle(recipients: Recipients, batch: Batch, options: FlushOptions): boolean {
  return (
    options.output.writeFramed === undefined ||
    batch.bodyLength > watchLimits.copiedBodyBytesMax ||
    mustSplit(recipients, batch, options.fragmentBytes)
  );
}

function mustSplit(recipients: Recipients, batch: Batch, fragmentBytes: number): boolean {
  const isLong = responseSize(recipients, batch) >= fragmentBytes;
  return recipients.fragment && batch.events.length > 1 && isLong;
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
