import type { MainRevision } from "@kvorum/base";
import { formatGoDuration } from "../config/go-text.js";
import { compactionLimits } from "./limits.js";
import type { CompactionSchedule } from "./schedule.js";

/**
 * Keeps the history of the last `retentionMs`. The revision is noted at each look, so that the
 * oldest note is the revision of `retentionMs` ago; looks are a tenth of the compaction's interval
 * apart, which is the retention or an hour, whichever is less.
 *
 * ```
 *  start    look   look   ...    look
 *    |--------|------|-----...----|----- time
 *  note 0   note 1            compact to note 0, which is dropped then
 *    <-------- retentionMs ------->
 * ```
 */
export class PeriodicSchedule implements CompactionSchedule {
  readonly lookEveryMs: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly #intervalMs: number;
  readonly #notesMax: number;
  readonly #notes: MainRevision[];
  /** Of the last compaction, or of the start. */
  #doneMs: number;
  /** The whole retention before the first compaction, then the interval. */
  #waitMs: number;
  #last: MainRevision = 0;

  constructor(options: {
    readonly auto: { readonly retentionMs: number };
    readonly nowMs: number;
    readonly revision: MainRevision;
  }) {
    const { retentionMs } = options.auto;
    this.#intervalMs = Math.min(retentionMs, compactionLimits.intervalMsMax);
    this.lookEveryMs = this.#intervalMs / compactionLimits.looksPerInterval;
    this.#notesMax = Math.floor(retentionMs / this.lookEveryMs) + 1;
    this.#notes = [options.revision];
    this.#doneMs = options.nowMs;
    this.#waitMs = retentionMs;
    this.fields = { "compact-period": formatGoDuration(retentionMs * 1e6) };
  }

  due(nowMs: number): MainRevision | undefined {
    const revision = this.#notes[0];
    // A timer may fire a little early, and that look must not wait for the next one.
    const isEarly = nowMs - this.#doneMs < this.#waitMs - this.lookEveryMs / 2;
    if (isEarly || revision === undefined || revision === this.#last) return undefined;
    // Like etcd, also when the compaction then fails: the next try is one look later.
    this.#waitMs = this.#intervalMs;
    return revision;
  }

  compacted(revision: MainRevision, nowMs: number): void {
    this.#last = revision;
    this.#doneMs = nowMs;
  }

  sample(currentRevision: MainRevision): void {
    this.#notes.push(currentRevision);
    if (this.#notes.length > this.#notesMax) this.#notes.shift();
  }
}
