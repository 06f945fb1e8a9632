import type { Clock, MainRevision } from "@kvorum/base";
import type { RevisionEvents, WatchSink, WatchSource } from "../types.js";
import { Batch } from "./batch.js";
import { CatchUp } from "./catch-up.js";
import { DirtyStreams } from "./dirty-streams.js";
import { EventLog, LoggedEvent } from "./event-log.js";
import { FrameWriter } from "./frames.js";
import { FutureWatchers } from "./future-watchers.js";
import { watchLimits } from "./limits.js";
import type { WatchCounters } from "./output.js";
import { SelectorIndex } from "./selector-index.js";
import { encodeEvents } from "./slice-reader.js";
import type { WatchCore } from "./watch-core.js";
import { WatchStream, type WatchStreamOptions } from "./watch-stream.js";
import type { Cohort, HubStream, Selector } from "./watcher.js";
import { encodeHead } from "./wire.js";

export interface WatchHubOptions {
  readonly source: WatchSource;
  readonly clock: Clock;
  /** An encoded ResponseHeader of this member; revision 0 is left out, as proto3 does. */
  readonly header: (revision: MainRevision) => Uint8Array;
  /** A history read failed; it is tried again. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Carries every change of the store to the watchers that asked for it. Step 10 of the write path;
 * the counterpart of etcd's watchableStore.
 *
 * `notify` finds the selectors of each changed key, makes the bytes of each answer once, and leaves
 * a reference in the queue of each stream concerned; bytes go out in the next turn, together with
 * those of other revisions applied meanwhile.
 */
export class WatchHub implements WatchSink {
  readonly #source: WatchSource;
  readonly #clock: Clock;
  readonly #header: (revision: MainRevision) => Uint8Array;
  readonly #core: WatchCore;
  readonly #catchUp: CatchUp;
  readonly #index = new SelectorIndex();
  readonly #log = new EventLog();
  readonly #future = new FutureWatchers();
  readonly #streams = new Set<HubStream>();
  readonly #counters: WatchCounters = {
    streams: 0,
    watchers: 0,
    slowWatchers: 0,
    eventsSent: 0,
    bytesSent: 0,
    pendingEvents: 0,
  };
  readonly #dirty = new DirtyStreams();
  readonly #frames = new FrameWriter();
  #willFlush = false;
  readonly #overfull: HubStream[] = [];
  /** Scratch of a dispatch. */
  readonly #found: Selector[] = [];
  readonly #touched: Selector[] = [];
  /** What synced watchers have seen, or will from the queues. */
  #revision: MainRevision = 0;

  constructor(options: WatchHubOptions) {
    const { source, clock, header, onError = () => {} } = options;
    this.#source = source;
    this.#clock = clock;
    this.#header = header;
    this.#core = {
      source,
      clock,
      header,
      counters: this.#counters,
      index: this.#index,
      log: this.#log,
      future: this.#future,
      streams: this.#streams,
      frames: this.#frames,
      chunk: Buffer.allocUnsafeSlow(watchLimits.chunkBytes),
      onCreate: () => this.#noteRevision(),
      flushSoon: (stream) => this.#flushSoon(stream),
      catchUpSoon: (stream) => this.#catchUp.add(stream),
      onOverfull: (stream) => this.#overfull.push(stream),
    };
    this.#catchUp = new CatchUp(this.#core, onError);
  }

  get counters(): Readonly<WatchCounters> {
    return this.#counters;
  }

  openStream(options: WatchStreamOptions): WatchStream {
    const stream = new WatchStream(this.#core, options);
    this.#streams.add(stream);
    this.#counters.streams++;
    return stream;
  }

  get isWatched(): boolean {
    return this.#counters.watchers > 0;
  }

  passed(main: MainRevision): void {
    this.#revision = main;
    this.#log.clear();
    this.#frames.clear();
  }

  /** Synchronous; sends nothing itself. */
  notify(events: RevisionEvents): void {
    if (!this.isWatched) {
      this.passed(events.main);
      return;
    }
    this.#revision = events.main;
    this.#log.append(events);
    for (const watcher of this.#future.takeDue(events.main)) watcher.stream.join(watcher);
    this.#match(events);
    if (this.#touched.length > 0) this.#dispatch(events.main);
    while (this.#overfull.length > 0) this.#overfull.pop()!.settle();
  }

  /** Every watcher goes on from the history, at the revision after the last it was told of. */
  reset(): void {
    const next = this.#revision + 1;
    this.#revision = this.#source.currentRevision;
    this.#log.clear();
    this.#catchUp.reset();
    const due = this.#future.takeDue(this.#revision);
    for (const watcher of due) watcher.stream.place(watcher);
    for (const stream of this.#streams) stream.desync(next);
  }

  /** Ends every stream without a word. */
  close(): void {
    for (const stream of [...this.#streams]) stream.close();
    this.#catchUp.close();
  }

  /** Collects, at each selector concerned, the events of the revision that it selects. */
  #match(revision: RevisionEvents): void {
    for (const event of revision.events) {
      this.#found.length = 0;
      this.#index.match(event.key, this.#found);
      if (this.#found.length === 0) continue;
      const logged = new LoggedEvent(event);
      for (const selector of this.#found) {
        if (selector.matched.length === 0) this.#touched.push(selector);
        selector.matched.push(logged);
      }
    }
  }

  #dispatch(main: MainRevision): void {
    let head: Uint8Array | undefined;
    for (const selector of this.#touched) {
      for (const kind of selector.kinds) {
        if (kind.cohorts.length === 0) continue;
        const events = encodeEvents(kind, selector.matched, this.#source);
        if (events.length === 0) continue;
        head ??= encodeHead(this.#header(main));
        const { cohorts } = kind;
        const isShared = areOfSeveralStreams(cohorts);
        const batch = new Batch({ from: main, next: main + 1, head, events, isShared });
        for (const cohort of cohorts) cohort.stream.deliver(cohort, batch);
      }
      selector.matched.length = 0;
    }
    this.#touched.length = 0;
  }

  /** The store was loaded, or went on while nobody watched: a new watcher starts from there. */
  #noteRevision(): void {
    this.#revision = Math.max(this.#revision, this.#source.currentRevision);
  }

  #flushSoon(stream: HubStream): void {
    this.#dirty.add(stream);
    if (this.#willFlush) return;
    this.#willFlush = true;
    this.#clock.soon(this.#flushDirty);
  }

  /** Hands over what a turn may; streams that come too late for it are first in the next one. */
  readonly #flushDirty = (): void => {
    const counters = this.#counters;
    const bytesMax = counters.bytesSent + watchLimits.turnBytesMax;
    do this.#dirty.take()?.flush();
    while (!this.#dirty.isEmpty && counters.bytesSent < bytesMax);
    this.#willFlush = !this.#dirty.isEmpty;
    if (this.#willFlush) this.#clock.soon(this.#flushDirty);
  };
}

/** A stream has several cohorts of one kind where its ids have several lengths. */
function areOfSeveralStreams(cohorts: readonly Cohort[]): boolean {
  const { stream } = cohorts[0]!;
  for (const cohort of cohorts) if (cohort.stream !== stream) return true;
  return false;
}
