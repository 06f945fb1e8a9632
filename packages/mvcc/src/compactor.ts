import type { MainRevision } from "@kvorum/base";
import { BatchCursor } from "./batch-cursor.js";
import { MvccError } from "./error.js";
import type { RevisionHash } from "./hasher.js";
import { KeptRevisions } from "./kept-revisions.js";
import { KeyValueReader } from "./key-value.js";
import { limits } from "./limits.js";
import { FINISHED_COMPACT_KEY, SCHEDULED_COMPACT_KEY } from "./restore.js";
import { RevisionHasher } from "./revision-hasher.js";
import { decodeMetaRevision, encodeRevisionKey } from "./revision-key.js";
import type { StoreState } from "./store-state.js";
import { pause, turn } from "./turn.js";

export interface Compaction {
  /** Rejects when the store is closed before, or when the engine fails. */
  readonly done: Promise<void>;
}

export interface CompactorOptions {
  /** Records looked at between two pauses. */
  readonly batchLimit: number;
  /** The shortest pause. */
  readonly sleepMs: number;
  readonly onHash: (hash: RevisionHash) => void;
  readonly log: ((message: string, fields: Readonly<Record<string, unknown>>) => void) | undefined;
}

interface Job {
  revision: number;
  readonly previousRevision: number;
  /** Whether the compaction before this one had finished: only then is the hash comparable. */
  isPreviousDone: boolean;
}

/** A job that has not begun: a later compaction joins it. */
interface WaitingJob extends Compaction {
  readonly job: Job;
}

/** What the compacted index still holds at or below the revision. */
interface KeptByIndex {
  readonly atSubZero: KeptRevisions;
  /** With those at other subs. */
  readonly count: number;
}

/**
 * Compactions, one after the other, in the background; those that are asked for while one goes on
 * are done together, as the last of them:
 *
 *   schedule: compactRevision moves, meta/scheduledCompactRev is written
 *   flush     so that every record at or below the revision is in the engine
 *   index     forgets the revisions that only older reads could see, in chunks over several turns
 *   records   bucket "key" is scanned up to the revision; each record is hashed, and deleted when
 *             the index does not know it any more; a pause follows each batch
 *   finish    meta/finishedCompactRev in the commit of the last deletions or a later one
 *
 * The compacted index is the keep set: its revisions at sub 0 are noted, others are looked up. A
 * put that follows the tombstone of its key within the very revision compacted at is kept; etcd
 * loses it.
 */
export class Compactor {
  readonly #state: StoreState;
  readonly #options: CompactorOptions;
  readonly #reader = new KeyValueReader();
  #tail: Promise<void> = Promise.resolve();
  #waiting: WaitingJob | undefined;
  #unfinished = 0;
  #isStopped = false;
  /** Of the record at hand. */
  #isKept = false;
  #operationsSeen = 0;

  constructor(state: StoreState, options: CompactorOptions) {
    this.#state = state;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#unfinished > 0;
  }

  /** The revision was found to be above compactRevision and not above the current one. */
  schedule(revision: MainRevision): Compaction {
    const { records } = this.#state;
    const scheduled = decodeMetaRevision(records.get("meta", SCHEDULED_COMPACT_KEY));
    const finished = decodeMetaRevision(records.get("meta", FINISHED_COMPACT_KEY));
    const previousRevision = this.#state.compactRevision;
    this.#state.compactRevision = revision;
    records.put("meta", SCHEDULED_COMPACT_KEY, encodeRevisionKey(revision, 0));
    return this.#enqueue({
      revision,
      previousRevision,
      isPreviousDone: scheduled === finished,
    });
  }

  /** Takes up a compaction that a restart has interrupted. */
  resume(revision: MainRevision): void {
    this.#options.log?.("resume scheduled compaction", { "scheduled-compact-revision": revision });
    this.schedule(revision);
  }

  idle(): Promise<void> {
    return this.#tail;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#tail;
  }

  #enqueue(job: Job): Compaction {
    if (this.#waiting !== undefined) {
      this.#waiting.job.revision = job.revision;
      this.#waiting.job.isPreviousDone = false;
      return this.#waiting;
    }
    this.#unfinished++;
    const done = this.#tail.then(() => {
      this.#waiting = undefined;
      return this.#run(job);
    });
    this.#waiting = { job, done };
    // A failure is the caller's to see through `done`; the next one is tried all the same.
    this.#tail = done.then(
      () => {
        this.#unfinished--;
      },
      (error: unknown) => {
        this.#unfinished--;
        this.#options.log?.("Failed compaction", { error: String(error) });
      },
    );
    return this.#waiting;
  }

  async #run(job: Job): Promise<void> {
    const { records, pins, clock, counters, timings } = this.#state;
    const startMs = clock.nowMs();
    await records.flush();
    await pins.released(job.revision);
    const kept = await this.#compactIndex(job.revision);
    const hasher = new RevisionHasher({
      compactRevision: job.previousRevision,
      revision: job.revision,
      keepsNothing: kept.count === 0,
      keeps: () => this.#isKept,
    });
    const deletedBefore = counters.compactedRecords;
    await this.#compactRecords(job.revision, kept.atSubZero, hasher);
    records.put("meta", FINISHED_COMPACT_KEY, encodeRevisionKey(job.revision, 0));
    await records.flush();
    const hash = hasher.digest();
    if (job.isPreviousDone) {
      const compactRevision = job.previousRevision;
      this.#options.onHash({ hash, revision: job.revision, compactRevision });
    }
    const tookMs = clock.nowMs() - startMs;
    counters.lastCompactionMs = clock.wallMs();
    timings?.compaction(tookMs);
    this.#options.log?.("finished scheduled compaction", {
      "compact-revision": job.revision,
      "took-ms": tookMs,
      "number-of-keys-compacted": counters.compactedRecords - deletedBefore,
      hash,
    });
  }

  async #compactIndex(revision: number): Promise<KeptByIndex> {
    const atSubZero = new KeptRevisions();
    let count = 0;
    const options = {
      at: revision,
      keysMax: limits.indexCompactionChunkKeys,
      onKept: (main: number, sub: number): void => {
        count++;
        if (sub === 0) atSubZero.add(main);
      },
    };
    const { clock, index, timings } = this.#state;
    let from: string | undefined = "";
    while (from !== undefined) {
      this.#checkRunning();
      const startMs = clock.nowMs();
      from = index.compact(from, options);
      const tookMs = clock.nowMs() - startMs;
      timings?.indexCompactionPiece(tookMs);
      await this.#pause(tookMs, { shortestMs: 0, revision });
    }
    atSubZero.seal();
    return { atSubZero, count };
  }

  async #compactRecords(
    revision: number,
    kept: KeptRevisions,
    hasher: RevisionHasher,
  ): Promise<void> {
    let from = encodeRevisionKey(0, 0);
    for (;;) {
      const scanStartMs = this.#state.clock.nowMs();
      const cursors = await this.#nextBatches(from, revision);
      const last = cursors.at(-1);
      if (last === undefined) return;
      const scanMs = this.#state.clock.nowMs() - scanStartMs;
      // Each cursor stands at its last record.
      from = encodeRevisionKey(last.main, last.sub + 1);
      let slices = 0;
      for (const { count } of cursors) slices += Math.ceil(count / this.#options.batchLimit);
      // Dropped one by one, because each holds a mebibyte.
      for (let cursor = cursors.shift(); cursor !== undefined; cursor = cursors.shift()) {
        await this.#compactBatch(cursor, { revision, kept, hasher, scanMs: scanMs / slices });
      }
    }
  }

  /**
   * The records of a few batches, from one view: some engines take longer to make a view than to
   * scan a batch. It is closed before the work on them begins, because an engine can't reuse what
   * a view pins. Records at or below the revision change by nothing but this job, so what comes
   * from several views still fits together.
   */
  async #nextBatches(from: Buffer, revision: number): Promise<BatchCursor[]> {
    const cursors: BatchCursor[] = [];
    const view = await this.#state.records.engineView();
    try {
      const range = { start: from, end: encodeRevisionKey(revision + 1, 0) };
      for await (const batch of view.scan("key", range)) {
        this.#checkRunning();
        const cursor = new BatchCursor(batch);
        cursor.moveTo(cursor.count - 1);
        if (cursors.push(cursor) === limits.compactionViewBatches) break;
      }
      return cursors;
    } finally {
      await view.close();
    }
  }

  /** @param job `scanMs` is what scanning took for each slice */
  async #compactBatch(
    cursor: BatchCursor,
    job: {
      readonly revision: number;
      readonly kept: KeptRevisions;
      readonly hasher: RevisionHasher;
      readonly scanMs: number;
    },
  ): Promise<void> {
    const { clock, counters, timings } = this.#state;
    for (let at = 0; at < cursor.count; at += this.#options.batchLimit) {
      this.#checkRunning();
      const startMs = clock.nowMs();
      const deletedBefore = counters.compactedRecords;
      this.#compactSlice(cursor, at, job);
      const sliceMs = clock.nowMs() - startMs;
      timings?.compactionSlice(sliceMs);
      const deleted = counters.compactedRecords - deletedBefore;
      // A scan's time holds other work too where it was waited for, hence the bound.
      const scanMs = Math.min(job.scanMs, sliceMs * limits.compactionScanFactor);
      const workMs = sliceMs + scanMs + deleted * limits.compactionDeletionMs;
      await this.#pause(workMs, { shortestMs: this.#options.sleepMs, revision: job.revision });
    }
    cursor.recycle();
  }

  #compactSlice(
    cursor: BatchCursor,
    from: number,
    { kept, hasher }: { readonly kept: KeptRevisions; readonly hasher: RevisionHasher },
  ): void {
    const { records, counters } = this.#state;
    const to = Math.min(cursor.count, from + this.#options.batchLimit);
    for (let i = from; i < to; i++) {
      cursor.moveTo(i);
      this.#isKept = cursor.sub === 0 ? kept.has(cursor.main) : this.#isIndexed(cursor);
      hasher.add(cursor);
      if (this.#isKept) continue;
      records.sizes.remove(cursor.bytes);
      records.deleteRecord(cursor.main, cursor.sub, cursor.isTombstone);
      counters.compactedRecords++;
    }
    hasher.endBatch();
  }

  #isIndexed({ main, sub, recordBytes, recordStart, recordEnd }: BatchCursor): boolean {
    const key = this.#reader.readAt(recordBytes, recordStart, recordEnd).keyText();
    return this.#state.index.contains(key, main, sub);
  }

  /**
   * After `workMs` of work at the compaction of `revision`. The shortest pause will do when nobody
   * uses the store meanwhile. A compaction hurries when many revisions have come since it was asked
   * for, and in the end pauses no more: else a busy store, whose next compaction finds what has come
   * during this one, would grow without end.
   */
  async #pause(
    workMs: number,
    { shortestMs, revision }: { readonly shortestMs: number; readonly revision: number },
  ): Promise<void> {
    const { clock, counters, currentRevision, index } = this.#state;
    const operations = counters.puts + counters.deletes + counters.ranges + counters.txns;
    const isBusy = operations - this.#operationsSeen > limits.compactionIdleOperations;
    this.#operationsSeen = operations;
    const patience = Math.max(limits.compactionPatienceMin, index.liveKeys);
    const calm = Math.min(1, 2 - (currentRevision - revision) / patience);
    const isPatient = isBusy && calm > 0;
    const pauseMs = isPatient ? workMs * limits.compactionPauseFactor * calm : 0;
    const delayMs = calm > 0 ? Math.max(shortestMs, pauseMs) : 0;
    if (delayMs === 0) await turn(clock);
    else await pause(clock, delayMs);
  }

  #checkRunning(): void {
    if (this.#isStopped) {
      throw new MvccError("CLOSED", "the store was closed during a compaction");
    }
  }
}
