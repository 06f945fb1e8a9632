import type { MainRevision } from "@kvorum/base";
import type { WatchSource } from "../types.js";
import { Batch } from "./batch.js";
import { type LoggedEvent, type LogSlice, lowerBound } from "./event-log.js";
import { watchLimits } from "./limits.js";
import { selects } from "./selector.js";
import type { ResponseKind } from "./watcher.js";

/** What a watcher gets out of a slice. */
export interface Portion {
  /** undefined: nothing matches. */
  readonly batch: Batch | undefined;
  /** Where it stands then: the slice's end, or less when the response is full. */
  readonly next: MainRevision;
}

/** Answers for the watchers of one slice; those of one kind and place share theirs. */
export class SliceReader {
  readonly slice: LogSlice;
  readonly #source: WatchSource;
  readonly #head: Uint8Array;
  readonly #portions = new Map<ResponseKind, Map<MainRevision, Portion>>();
  #byKey: Map<string, LoggedEvent[]> | undefined;
  #scans = 0;

  /** @param head the encoded header field of every response */
  constructor(slice: LogSlice, source: WatchSource, head: Uint8Array) {
    this.slice = slice;
    this.#source = source;
    this.#head = head;
  }

  /** @param from within the slice */
  portion(kind: ResponseKind, from: MainRevision): Portion {
    let places = this.#portions.get(kind);
    if (places === undefined) {
      places = new Map();
      this.#portions.set(kind, places);
    }
    let portion = places.get(from);
    if (portion === undefined) {
      portion = this.#read(kind, from);
      places.set(from, portion);
    }
    return portion;
  }

  #read(kind: ResponseKind, from: MainRevision): Portion {
    const events: Uint8Array[] = [];
    let next = this.slice.next;
    let bytes = 0;
    let revisions = 0;
    let current = -1;
    for (const logged of this.#matches(kind, from)) {
      const { main } = logged.event.revision;
      if (main !== current) {
        // A revision is never split: the response ends before one, not within it.
        if (revisions >= watchLimits.revisionsPerBatchMax || bytes >= BYTES_MAX) {
          next = main;
          break;
        }
        current = main;
        revisions++;
      }
      const encoded = encodedFor(kind, logged, this.#source);
      events.push(encoded);
      bytes += encoded.length;
    }
    if (events.length === 0) return { batch: undefined, next };
    return { batch: new Batch({ from, next, head: this.#head, events, isShared: false }), next };
  }

  *#matches(kind: ResponseKind, from: MainRevision): Iterable<LoggedEvent> {
    const { selector } = kind;
    if (selector.end === undefined && this.#scans >= SCANS_BEFORE_INDEX) {
      for (const logged of this.#keyEvents(selector.key)) {
        if (logged.event.revision.main >= from && passes(kind, logged)) yield logged;
      }
      return;
    }
    this.#scans++;
    const { revisions } = this.slice;
    for (let i = lowerBound(revisions, 0, from); i < revisions.length; i++) {
      for (const logged of revisions[i]!.events) {
        if (selects(selector, logged.event.key) && passes(kind, logged)) yield logged;
      }
    }
  }

  #keyEvents(key: string): readonly LoggedEvent[] {
    if (this.#byKey === undefined) {
      this.#byKey = new Map();
      for (const revision of this.slice.revisions) {
        for (const logged of revision.events) {
          const events = this.#byKey.get(logged.event.key);
          if (events === undefined) this.#byKey.set(logged.event.key, [logged]);
          else events.push(logged);
        }
      }
    }
    return this.#byKey.get(key) ?? [];
  }
}

/** The wire bytes of those `events` that `kind` lets through. */
export function encodeEvents(
  kind: ResponseKind,
  events: readonly LoggedEvent[],
  source: WatchSource,
): Uint8Array[] {
  const encoded: Uint8Array[] = [];
  for (const logged of events) {
    if (passes(kind, logged)) encoded.push(encodedFor(kind, logged, source));
  }
  return encoded;
}

const BYTES_MAX = watchLimits.catchUpResponseBytesMax;

/** A few watchers read the slice through; for more an index by key is worth its making. */
const SCANS_BEFORE_INDEX = 4;

function passes(kind: ResponseKind, logged: LoggedEvent): boolean {
  return !(logged.event.type === "put" ? kind.noPut : kind.noDelete);
}

function encodedFor(kind: ResponseKind, logged: LoggedEvent, source: WatchSource): Uint8Array {
  return kind.prevKv ? logged.withPrevious(source) : logged.plain();
}
