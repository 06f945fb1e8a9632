import type { Snapshot } from "@kvorum/raft";
import type { ApplyLoop } from "../apply/apply-loop.js";
import {
  adopt,
  buildFromReceived,
  type InstallPlace,
  removeUnused,
} from "../boot/install-snapshot.js";
import { type OpenedStore, type OpenStoreOptions, replaceContent } from "../boot/open-store.js";
import { type Position, readPosition } from "../boot/position.js";
import type { Cluster } from "../membership/cluster.js";
import type { Logger } from "../observe/logger.js";
import type { LogCompactor } from "./log-compactor.js";
import type { SnapshotSink } from "./ready-loop.js";

export interface SnapshotTakerOptions {
  readonly place: InstallPlace;
  readonly opened: OpenedStore;
  readonly opening: OpenStoreOptions;
  readonly cluster: Cluster;
  readonly applyLoop: ApplyLoop;
  readonly compactor: LogCompactor;
  readonly logger: Logger;
  readonly onPosition: (position: Position) => void;
  /** The members are those of the snapshot now. */
  readonly onMembers: () => void;
}

/** Takes a snapshot that the leader sent, when this member has fallen behind the leader's log. */
export class SnapshotTaker implements SnapshotSink {
  readonly #options: SnapshotTakerOptions;
  /** The engine's files that are in use. */
  #directory: string;
  #isInstalling = false;

  constructor(options: SnapshotTakerOptions) {
    this.#options = options;
    this.#directory = options.place.dataDir.engineDirectory;
  }

  /** A snapshot is taking the place of the store's content. */
  get isInstalling(): boolean {
    return this.#isInstalling;
  }

  save(snapshot: Snapshot): Promise<void> {
    return this.#options.compactor.saveReceived(snapshot);
  }

  /** Behind the entries that came before the snapshot. */
  async install(snapshot: Snapshot): Promise<void> {
    const { compactor, applyLoop } = this.#options;
    await applyLoop.install(async () => {
      this.#isInstalling = true;
      const position = await this.#install(snapshot);
      this.#isInstalling = false;
      return position;
    });
    compactor.release(snapshot.metadata.index);
  }

  async #install({ metadata }: Snapshot): Promise<Position> {
    const { place, opened, opening, cluster, logger, onPosition } = this.#options;
    const { index } = metadata;
    logger.info("applying snapshot", { "incoming-leader-snapshot-index": index });
    const { backend, directory } = await buildFromReceived(place, index);
    logger.info("applySnapshot: opened snapshot backend", { "snapshot-index": index });
    const position = readPosition((bucket, key) => backend.get(bucket, key));
    await adopt(place, index, directory);
    onPosition(position);
    await replaceContent(opened, opening, backend);
    await cluster.load(opened.buffered);
    this.#options.onMembers();
    const previous = this.#directory;
    this.#directory = directory;
    await removeUnused(place, previous);
    logger.info("applied snapshot", {
      "current-applied-index": position.index,
      "incoming-leader-snapshot-index": index,
    });
    return position;
  }
}
