import type { LoggedEvent } from "./event-log.js";
import type { Recipients } from "./recipients.js";
import type { WatchStream } from "./watch-stream.js";
import type { Watcher } from "./watcher.js";

/**
 * The keys that a watcher asks for, one character a byte: exactly `key`, or from `key` on up to
 * `end`, exclusive ("" is: without bound). One object for all watchers that ask for the same.
 */
export interface Selector {
  readonly key: string;
  /** undefined: the single key. "": every key from `key` on. */
  readonly end: string | undefined;
  /** Watchers of any state; at 0 the selector leaves the index. */
  watchers: number;
  /** One for each kind of answer wanted. */
  readonly kinds: ResponseKind[];
  /** Scratch of a dispatch: the events of one revision that match. */
  readonly matched: LoggedEvent[];
}

/** Watchers of one selector that get the same events, byte for byte. */
export interface ResponseKind {
  readonly selector: Selector;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  /** Synced watchers only. */
  readonly cohorts: Cohort[];
}

/**
 * Synced watchers of one stream and one kind whose id fields have one length: their responses have
 * one length too, so that all are made by copying the first and patching the ids.
 * `watchers` only grows while the stream has undelivered events; the delivery notes how many of
 * them it is meant for.
 */
export interface Cohort {
  readonly kind: ResponseKind;
  readonly stream: WatchStream;
  readonly watchers: Watcher[];
  readonly idLength: number;
  /** The id fields of `watchers`, back to back, with room behind them. */
  ids: Uint8Array;
  /** All of `watchers`, as deliveries name them; undefined since the cohort changed. */
  recipients: Recipients | undefined;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
  /** Its place in `kind.cohorts`. */
  slot: number;
}

export function selects(selector: Selector, key: string): boolean {
  if (selector.end === undefined) return key === selector.key;
  return key >= selector.key && (selector.end === "" || key < selector.end);
}

/** The kind of `selector` with these options, made when it is the first. */
export function responseKind(
  selector: Selector,
  options: { readonly noPut: boolean; readonly noDelete: boolean; readonly prevKv: boolean },
): ResponseKind {
  for (const kind of selector.kinds) {
    const same = kind.noPut === options.noPut && kind.noDelete === options.noDelete;
    if (same && kind.prevKv === options.prevKv) return kind;
  }
  const kind: ResponseKind = { selector, ...options, cohorts: [] };
  selector.kinds.push(kind);
  return kind;
}
