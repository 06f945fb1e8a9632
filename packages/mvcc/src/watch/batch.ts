import type { MainRevision } from "@kvorum/base";

/** The events of one response, for any number of watchers that were given everything up to `from`. */
export class Batch {
  readonly from: MainRevision;
  /** Where a watcher stands that got this. */
  readonly next: MainRevision;
  /** The encoded header field. */
  readonly head: Uint8Array;
  /** Encoded elements of `WatchResponse.events`; never empty. */
  readonly events: readonly Uint8Array[];
  readonly bodyLength: number;
  /** Of a response to a watcher whose id field is empty. */
  readonly length: number;
  /** Several streams get it. */
  readonly isShared: boolean;
  /** Belongs to the hub's `RepeatRing`. */
  readonly repeats: BatchRepeats = { newest: -1, count: 0 };
  #body: Uint8Array | undefined;

  constructor(options: {
    readonly from: MainRevision;
    readonly next: MainRevision;
    readonly head: Uint8Array;
    readonly events: readonly Uint8Array[];
    readonly isShared: boolean;
  }) {
    this.from = options.from;
    this.next = options.next;
    this.head = options.head;
    this.events = options.events;
    this.isShared = options.isShared;
    let length = 0;
    for (const event of options.events) length += event.length;
    this.bodyLength = length;
    this.length = options.head.length + length;
  }

  /** All events back to back; made once, and for a single event not even copied. */
  get body(): Uint8Array {
    if (this.#body === undefined) {
      this.#body =
        this.events.length === 1 ? this.events[0]! : Buffer.concat(this.events, this.bodyLength);
    }
    return this.#body;
  }
}

/** What a `RepeatRing` knows of a batch. */
export interface BatchRepeats {
  /** The number of the entry made last, -1 before; it may be gone. */
  newest: number;
  /** How many were made. */
  count: number;
}
