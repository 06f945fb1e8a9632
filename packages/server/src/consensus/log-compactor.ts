import type { LogIndex, Term, Timer } from "@kvorum/base";
import type { ConfState, RawNode, Snapshot } from "@kvorum/raft";
import { serverLimits } from "../limits.js";
import type { MemberOptions } from "../member-options.js";
import { decodeMembership, type SnapMembership } from "../storage/snap/membership-json.js";
import type { SnapStore } from "../storage/snap/snap-store.js";
import type { Wal } from "../storage/wal/wal.js";

export interface LogCompactorOptions {
  readonly member: MemberOptions;
  readonly node: RawNode;
  readonly wal: Wal;
  readonly snaps: SnapStore;
  /** False for an engine that forgets: then the log is all there is and must be kept whole. */
  readonly isPersistent: boolean;
  /** A member that has just been sent a snapshot goes on from the entries behind it. */
  readonly isLogNeeded: () => boolean;
  /** Makes all that is applied durable in the engine. */
  readonly flush: () => Promise<void>;
  readonly applied: () => { readonly index: LogIndex; readonly term: Term };
  readonly confState: () => ConfState;
  readonly membership: () => SnapMembership;
}

/**
 * Keeps the log short: every `snapshotCountEntries` applied entries the engine's content becomes the
 * snapshot (a record in the WAL and a small .snap file), and older entries and segments may go.
 *
 * Crash rule: the record is written, and the log released, only up to an index that the engine has
 * durably committed.
 */
export class LogCompactor {
  readonly #options: LogCompactorOptions;
  readonly #purgeTimer: Timer;
  #snapshotIndex: LogIndex;
  /** What `#trim` has compacted up to. */
  #trimmedTo: LogIndex;
  #running: Promise<void> | undefined;

  constructor(options: LogCompactorOptions, snapshotIndex: LogIndex) {
    this.#options = options;
    this.#snapshotIndex = snapshotIndex;
    this.#trimmedTo = snapshotIndex;
    this.#purgeTimer = options.member.clock.every(serverLimits.purgeMs, () => this.#purge());
  }

  /** Called after each batch of applied entries. */
  applied(index: LogIndex): void {
    const { member, isPersistent } = this.#options;
    if (!isPersistent) return;
    this.#trim(index);
    if (this.#running !== undefined) return;
    if (index - this.#snapshotIndex <= member.snapshotCountEntries) return;
    this.#running = this.#snapshot()
      .catch((error: unknown) => member.onFault(error))
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when nothing is being written any more. */
  async stop(): Promise<void> {
    this.#purgeTimer.clear();
    await this.#running;
  }

  /**
   * A snapshot from the leader: its file and its record. The own one that is being made is waited
   * for, as its record is older and must not stand behind the leader's.
   */
  async saveReceived({ metadata, data }: Snapshot): Promise<void> {
    const { wal, snaps } = this.#options;
    const { index, term, confState } = metadata;
    await this.#running;
    this.#snapshotIndex = index;
    await snaps.save({ index, term, confState, ...decodeMembership(data) });
    await wal.saveSnapshot({ index, term, confState });
  }

  /** The engine holds what stands in the log up to `index`. */
  release(index: LogIndex): void {
    this.#options.wal.releaseTo(index);
  }

  /**
   * Forgets, in memory alone, what no member lacks but for those that one which joins may begin
   * with. Entries that live for a short time only are cheap to collect: the ten thousand of a whole
   * interval cost a fifth of a busy server's processor time.
   */
  #trim(applied: LogIndex): void {
    const { member, node } = this.#options;
    const compactTo = Math.min(applied - member.snapshotCatchUpEntries, node.matchedByAll);
    if (compactTo < this.#trimmedTo + serverLimits.logTrimEntries) return;
    this.#trimmedTo = compactTo;
    node.compact(compactTo);
  }

  async #snapshot(): Promise<void> {
    const { member, node, wal, snaps, flush, applied } = this.#options;
    const { index, term } = applied();
    const confState = this.#options.confState();
    // Taken together with the position, before anything else is applied.
    const membership = this.#options.membership();
    member.logger.info("triggering snapshot", {
      "local-member-applied-index": index,
      "local-member-snapshot-index": this.#snapshotIndex,
      "local-member-snapshot-count": member.snapshotCountEntries,
    });
    await flush();
    await snaps.save({ index, term, confState, ...membership });
    await wal.saveSnapshot({ index, term, confState });
    wal.releaseTo(index);
    this.#snapshotIndex = index;
    member.logger.info("saved snapshot to disk", { "snapshot-index": index });
    if (this.#options.isLogNeeded()) {
      member.logger.info("skip compaction since there is an inflight snapshot");
      return;
    }
    const compactTo = index - member.snapshotCatchUpEntries;
    if (compactTo > 0) node.compact(compactTo);
  }

  #purge(): void {
    const { wal, snaps, member } = this.#options;
    const purged = [wal.purge(member.walsMax), snaps.purge(member.snapshotsMax, member.clock)];
    Promise.all(purged).catch((error: unknown) =>
      member.logger.warn("failed to purge old files of the log", { error: String(error) }),
    );
  }
}
