import type { Clock, MainRevision } from "@kvorum/base";
import type { WatchSource } from "../types.js";
import type { EventLog } from "./event-log.js";
import type { FrameWriter } from "./frames.js";
import type { FutureWatchers } from "./future-watchers.js";
import type { WatchCounters } from "./output.js";
import type { SelectorIndex } from "./selector-index.js";
import type { HubStream } from "./watcher.js";

/** What the hub, its streams and the catch-up share. Owned by the hub; inner to this folder. */
export interface WatchCore {
  readonly source: WatchSource;
  readonly clock: Clock;
  /** An encoded ResponseHeader; revision 0 is left out. */
  readonly header: (revision: MainRevision) => Uint8Array;
  readonly counters: WatchCounters;
  readonly index: SelectorIndex;
  readonly log: EventLog;
  readonly streams: Set<HubStream>;
  readonly frames: FrameWriter;
  /** Scratch memory of `watchLimits.chunkBytes`, used within one call at a time. */
  readonly chunk: Uint8Array;
  /** Called when a watcher joins, before its place is decided. */
  readonly onCreate: () => void;
  /** The stream has deliveries to hand over in the next turn. */
  readonly flushSoon: (stream: HubStream) => void;
  /** The stream has lagging watchers and can take events. */
  readonly catchUpSoon: (stream: HubStream) => void;
  /** The stream keeps more than it may; to be looked at once the dispatch is over. */
  readonly onOverfull: (stream: HubStream) => void;
  /** Watchers that wait for a revision yet to come. */
  readonly future: FutureWatchers;
}
