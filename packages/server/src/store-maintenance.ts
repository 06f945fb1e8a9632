import { join } from "node:path";
import { apiError } from "@kvorum/api";
import type { BoltStream } from "@kvorum/backends/boltfile";
import { TOMBSTONE_KEY_BYTES } from "@kvorum/mvcc";
import type { OpenedStore } from "./boot/open-store.js";
import { readStorageVersion, writeStorageVersion } from "./boot/position.js";
import type { MemberOptions } from "./member-options.js";
import type { SnapshotStream } from "./rpc/snapshot.js";
import { endWith } from "./storage/snapshot/end-with.js";
import { saveSnapshot } from "./storage/snapshot/save-snapshot.js";

export interface StoreMaintenanceOptions {
  readonly member: MemberOptions;
  readonly opened: OpenedStore;
  /** For files that are being made. */
  readonly snapDirectory: string;
}

/** What is done to the store as a whole: defragmentation, snapshots, its version. */
export class StoreMaintenance {
  readonly #options: StoreMaintenanceOptions;
  #isDefragmenting = false;
  #isStopping = false;
  #snapshotsOpened = 0;
  /** The store's count of its records, which a snapshot was found to agree with so far. */
  #trustsSizes = true;

  constructor(options: StoreMaintenanceOptions) {
    this.#options = options;
  }

  get isDefragmenting(): boolean {
    return this.#isDefragmenting;
  }

  /** Gives unused space back; where the engine allows it, requests are served meanwhile. */
  async defragment(): Promise<void> {
    const { clock, logger, metrics } = this.#options.member;
    if (this.#isDefragmenting) throw new Error("a defragmentation of this member is under way");
    this.#isDefragmenting = true;
    const startMs = clock.nowMs();
    logger.info("starting defragment");
    try {
      await this.#options.opened.backend.defragment(() => this.#refuseWhenStopping());
    } catch (error) {
      this.#refuseWhenStopping();
      throw error;
    } finally {
      this.#isDefragmenting = false;
    }
    const tookMs = clock.nowMs() - startMs;
    metrics.histograms.backendDefrag.observe(tookMs / 1000);
    logger.info("finished defragment", { took: `${tookMs.toFixed(0)}ms` });
  }

  /** Ends a defragmentation at its next step: the call would keep the server from draining. */
  stop(): void {
    this.#isStopping = true;
  }

  #refuseWhenStopping(): void {
    if (this.#isStopping) throw apiError("stopped");
  }

  /**
   * The store as it is now as a snapshot file of etcd. However slowly that is read, the engine is
   * free again after one scan and a few seconds.
   */
  async openSnapshot(): Promise<SnapshotStream> {
    const { member, opened, snapDirectory } = this.#options;
    const startMs = member.clock.nowMs();
    this.#snapshotsOpened++;
    const path = join(snapDirectory, `tmp${this.#snapshotsOpened}`);
    const { buffered } = opened;
    const removed = buffered.sizes.removed();
    const view = await buffered.view();
    const bounded = {
      bucket: "key",
      keyBytesMax: TOMBSTONE_KEY_BYTES,
      classes: buffered.sizes.heldSince(removed),
      onExceeded: () => {
        this.#trustsSizes = false;
        member.logger.warn(
          "a snapshot was longer than counted; later ones are made in a file first",
        );
      },
    } as const;
    const spool = { fs: member.fs, path };
    const clocked = this.#trustsSizes ? { bucket: bounded, clock: member.clock } : undefined;
    return this.#timed(startMs, await saveSnapshot(view, spool, clocked));
  }

  /** The same, and the metrics are told when it is read to its end or given up. */
  #timed(startMs: number, snapshot: BoltStream): BoltStream {
    const { clock, metrics } = this.#options.member;
    const chunks = endWith(snapshot.chunks, async () => {
      metrics.histograms.backendSnapshot.observe((clock.nowMs() - startMs) / 1000);
    });
    return { ...snapshot, chunks };
  }

  /** "X.Y.0", or empty while unknown. */
  storageVersion(): string {
    const { opened } = this.#options;
    return readStorageVersion((bucket, key) => opened.buffered.get(bucket, key));
  }

  setStorageVersion(version: string): void {
    const { opened } = this.#options;
    writeStorageVersion((bucket, key, value) => opened.buffered.put(bucket, key, value), version);
  }
}
