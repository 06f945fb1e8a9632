import type { MainRevision } from "@kvorum/base";
import { compactionLimits } from "./limits.js";
import type { CompactionSchedule } from "./schedule.js";

/** Keeps the newest `retentionRevisions` revisions; looks every 5 minutes. */
export class RevisionSchedule implements CompactionSchedule {
  readonly lookEveryMs = compactionLimits.revisionIntervalMs;
  readonly fields: Readonly<Record<string, number>>;
  readonly #retentionRevisions: number;
  #last: MainRevision = 0;

  constructor({ retentionRevisions }: { readonly retentionRevisions: number }) {
    this.#retentionRevisions = retentionRevisions;
    this.fields = { "revision-compaction-retention": retentionRevisions };
  }

  due(_nowMs: number, currentRevision: MainRevision): MainRevision | undefined {
    const revision = currentRevision - this.#retentionRevisions;
    return revision <= 0 || revision === this.#last ? undefined : revision;
  }

  compacted(revision: MainRevision): void {
    this.#last = revision;
  }

  sample(): void {}
}
