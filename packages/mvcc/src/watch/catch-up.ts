import type { MainRevision } from "@kvorum/base";
import { type LogSlice, loggedRevision, revisionBytes } from "./event-log.js";
import { watchLimits } from "./limits.js";
import { SliceReader } from "./slice-reader.js";
import type { WatchCore } from "./watch-core.js";
import type { HubStream, Watcher } from "./watcher.js";
import { encodeHead } from "./wire.js";

/**
 * Brings lagging watchers to the present, in turns of at most `watchersPerRoundMax` watchers:
 * ```
 * choose watchers of streams that take events, in rotation; end those that compaction overtook
 *   -> those that the log reaches back to: served from it, synced in the same turn
 *   -> the others: one history read from where the first of them stands; everyone within what was
 *      read gets a portion of it; where the read meets the log, the log completes it
 * ```
 * The history read is kept for the next turns, so thousands of watchers that stand at one place
 * share it. The rotation keeps one that is far behind from holding up those that are nearly there.
 * While writes go on, the log keeps what is written during a read: without it a watcher would
 * never quite arrive.
 */
export class CatchUp {
  readonly #core: WatchCore;
  readonly #onError: (error: unknown) => void;
  /** Streams that may have lagging watchers and take events, in order of service. */
  readonly #ready = new Set<HubStream>();
  #isRunning = false;
  #isClosed = false;
  /** The last history read. */
  #slice: LogSlice | undefined;
  #revisionsWanted: number = watchLimits.revisionsPerBatchMax;
  /** Changes when the store's content is replaced; a read from before is worth nothing. */
  #epoch = 0;

  constructor(core: WatchCore, onError: (error: unknown) => void) {
    this.#core = core;
    this.#onError = onError;
  }

  /** `stream` has lagging watchers and takes events. */
  add(stream: HubStream): void {
    this.#ready.add(stream);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#core.clock.soon(this.#turn);
  }

  /** The store's content was replaced. */
  reset(): void {
    this.#epoch++;
    this.#slice = undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#ready.clear();
    this.#slice = undefined;
  }

  readonly #turn = (): void => {
    if (this.#isClosed) return;
    const chosen = this.#choose();
    const first = this.#serveFromLog(chosen);
    if (first === undefined) {
      this.#isRunning = this.#ready.size > 0;
      if (this.#isRunning) this.#core.clock.soon(this.#turn);
      else this.#slice = undefined;
      return;
    }
    const slice = this.#slice;
    if (slice !== undefined && slice.from <= first.next && first.next < slice.next) {
      this.#serve(chosen, this.#completed(slice));
      this.#core.clock.soon(this.#turn);
      return;
    }
    void this.#readHistory(first.next, chosen);
  };

  /** Watchers to serve in this turn; streams that need no service are taken off the list. */
  #choose(): Watcher[] {
    const chosen: Watcher[] = [];
    const { compactRevision } = this.#core.source;
    for (const stream of [...this.#ready]) {
      if (chosen.length >= watchLimits.watchersPerRoundMax) break;
      stream.flush();
      this.#ready.delete(stream);
      for (const watcher of stream.lagging) {
        if (!stream.canCatchUp || chosen.length >= watchLimits.watchersPerRoundMax) break;
        if (watcher.next < compactRevision) stream.compact(watcher, compactRevision);
        else chosen.push(watcher);
      }
      if (stream.canCatchUp) this.#ready.add(stream);
    }
    return chosen;
  }

  /** @returns the first watcher that the log doesn't reach back to */
  #serveFromLog(chosen: readonly Watcher[]): Watcher | undefined {
    if (chosen.length === 0) return undefined;
    const { log, source } = this.#core;
    const from = chosen.reduce((least, { next }) => Math.min(least, next), chosen[0]!.next);
    const whole = log.since(from, source.currentRevision);
    if (whole !== undefined) {
      this.#serve(chosen, whole);
      return undefined;
    }
    const reached: Watcher[] = [];
    let reachedFrom = source.currentRevision;
    let first: Watcher | undefined;
    for (const watcher of chosen) {
      if (log.reaches(watcher.next)) {
        reached.push(watcher);
        reachedFrom = Math.min(reachedFrom, watcher.next);
      } else {
        first ??= watcher;
      }
    }
    const slice = log.since(reachedFrom, source.currentRevision);
    if (slice !== undefined) this.#serve(reached, slice);
    return first;
  }

  async #readHistory(from: MainRevision, chosen: readonly Watcher[]): Promise<void> {
    const epoch = this.#epoch;
    const { source, clock } = this.#core;
    let read: Awaited<ReturnType<typeof source.history>>;
    try {
      read = await source.history(from, this.#revisionsWanted);
    } catch (error) {
      this.#onError(error);
      this.#retry();
      return;
    }
    if (this.#isClosed) return;
    if (epoch === this.#epoch) {
      if (read.next <= from) {
        this.#retry();
        return;
      }
      this.#adapt(read.revisions.reduce((sum, each) => sum + revisionBytes(each), 0));
      const revisions = read.revisions.map(loggedRevision);
      this.#slice = { from, next: read.next, revisions };
      this.#serve(chosen, this.#completed(this.#slice));
    }
    clock.soon(this.#turn);
  }

  #retry(): void {
    this.#core.clock.after(watchLimits.resyncPeriodMs, this.#turn);
  }

  /** Asks for fewer revisions next time when they turn out large, for more when small. */
  #adapt(bytes: number): void {
    const factor = Math.min(2, watchLimits.historyBytesTarget / Math.max(bytes, 1));
    const wanted = Math.floor(this.#revisionsWanted * factor);
    this.#revisionsWanted = Math.min(watchLimits.revisionsPerBatchMax, Math.max(1, wanted));
  }

  /** The slice with what the log has behind it, if they meet. */
  #completed(slice: LogSlice): LogSlice {
    const { log, source } = this.#core;
    const recent = log.since(slice.next, source.currentRevision);
    if (recent === undefined || recent.revisions.length === 0) return slice;
    const revisions = [...slice.revisions, ...recent.revisions];
    return { from: slice.from, next: recent.next, revisions };
  }

  #serve(watchers: readonly Watcher[], slice: LogSlice): void {
    const { source, header } = this.#core;
    const head = encodeHead(header(source.currentRevision));
    const reader = new SliceReader(slice, source, head);
    const streams = new Set<HubStream>();
    for (const watcher of watchers) {
      const { stream } = watcher;
      const isWithin = slice.from <= watcher.next && watcher.next < slice.next;
      if (watcher.state !== "lagging" || !isWithin || !stream.canCatchUp) continue;
      if (watcher.next < source.compactRevision) continue;
      const { batch, next } = reader.portion(watcher.kind, watcher.next);
      stream.advance(watcher, batch, next);
      streams.add(stream);
    }
    for (const stream of streams) stream.flush();
  }
}
