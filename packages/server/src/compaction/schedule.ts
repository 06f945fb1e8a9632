import type { MainRevision } from "@kvorum/base";

/** When automatic compactions happen and up to where; without a timer or a clock of its own. */
export interface CompactionSchedule {
  /** Pause between two looks. */
  readonly lookEveryMs: number;
  /** What the log lines say beside the revision. */
  readonly fields: Readonly<Record<string, string | number>>;
  /** The revision to compact to now, or undefined. */
  due(nowMs: number, currentRevision: MainRevision): MainRevision | undefined;
  /** The compaction to `revision` was done. */
  compacted(revision: MainRevision, nowMs: number): void;
  /** Called at the end of each look, leader or not. */
  sample(currentRevision: MainRevision): void;
}
