import { ApiError, apiErrorText } from "@kvorum/api";
import { type Clock, type MainRevision, rethrowInvariant, type Timer } from "@kvorum/base";
import type { AutoCompaction } from "../config/config.js";
import type { Logger } from "../observe/logger.js";
import { PeriodicSchedule } from "./periodic-schedule.js";
import { RevisionSchedule } from "./revision-schedule.js";
import type { CompactionSchedule } from "./schedule.js";

export interface AutoCompactorOptions {
  readonly auto: Exclude<AutoCompaction, { readonly mode: "off" }>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Compactions happen on the leader alone; the others only watch the revisions go by. */
  readonly isLeader: () => boolean;
  readonly currentRevision: () => MainRevision;
  /** An ordinary compaction through the log. @throws ApiError */
  readonly compact: (revision: MainRevision) => Promise<void>;
}

/**
 * --auto-compaction-mode and -retention: compacts the history from time to time, through the log as
 * a client's compaction. A failure is tried again at the next look. Source: etcd's v3compactor.
 */
export class AutoCompactor {
  readonly #options: AutoCompactorOptions;
  readonly #schedule: CompactionSchedule;
  readonly #timer: Timer;
  #isCompacting = false;

  constructor(options: AutoCompactorOptions) {
    this.#options = options;
    const { auto, clock, currentRevision } = options;
    this.#schedule =
      auto.mode === "periodic"
        ? new PeriodicSchedule({ auto, nowMs: clock.nowMs(), revision: currentRevision() })
        : new RevisionSchedule(auto);
    this.#timer = clock.every(this.#schedule.lookEveryMs, () => this.#look());
  }

  stop(): void {
    this.#timer.clear();
  }

  #look(): void {
    // One that hangs (no quorum, say) stops the rest: no further samples, no second proposal.
    if (this.#isCompacting) return;
    const { clock, currentRevision, isLeader } = this.#options;
    const due = isLeader() ? this.#schedule.due(clock.nowMs(), currentRevision()) : undefined;
    if (due === undefined) {
      this.#schedule.sample(currentRevision());
      return;
    }
    this.#isCompacting = true;
    this.#compact(due).finally(() => {
      this.#isCompacting = false;
      this.#schedule.sample(currentRevision());
    });
  }

  async #compact(revision: MainRevision): Promise<void> {
    const { auto, clock, logger, compact } = this.#options;
    const fields = { revision, ...this.#schedule.fields };
    const startMs = clock.nowMs();
    logger.info(`starting auto ${auto.mode} compaction`, fields);
    try {
      await compact(revision);
    } catch (error) {
      rethrowInvariant(error);
      // Compacted by somebody else: all that was wanted.
      if (!(error instanceof ApiError && error.message === apiErrorText("compacted"))) {
        logger.warn(`failed auto ${auto.mode} compaction`, { ...fields, error: String(error) });
        return;
      }
    }
    this.#schedule.compacted(revision, clock.nowMs());
    const took = `${(clock.nowMs() - startMs).toFixed(3)}ms`;
    logger.info(`completed auto ${auto.mode} compaction`, { ...fields, took });
  }
}
