import { HeaderEncoder } from "@kvorum/api";
import { checkBeforeServing } from "../corruption/initial-check-of-member.js";
import type { MemberOptions } from "../member-options.js";
import { Cluster } from "../membership/cluster.js";
import { closeDisk, type OpenedDisk, openDisk } from "./open-disk.js";
import { type OpenedStore, type OpenStoreOptions, openStore } from "./open-store.js";
import { type Position, writePosition } from "./position.js";

/** What a member is made of that takes time to open. Its owner closes it with `closeMember`. */
export interface MemberParts {
  readonly options: MemberOptions;
  readonly disk: OpenedDisk;
  readonly opened: OpenedStore;
  /** How it was opened, for opening another one. */
  readonly opening: OpenStoreOptions;
  readonly cluster: Cluster;
  readonly header: HeaderEncoder;
  /** Moves with the applied entries; the committer writes it with the content it stands for. */
  readonly position: { current: Position };
}

/**
 * Opens the data directory, the log, the engine and the store in it, and the members known to it.
 * What was opened is closed again when a later step fails.
 * @throws StorageError | BackendError naming what is wrong with the directory or its files; Error
 *   when the check for corruption finds other data on another member
 */
export async function openMember(options: MemberOptions): Promise<MemberParts> {
  const disk = await openDisk(options);
  const { log, backend } = disk;
  const header = new HeaderEncoder({ clusterId: log.clusterId, memberId: log.memberId });
  const position = { current: disk.position };
  const opening: OpenStoreOptions = {
    options,
    backend,
    header,
    term: () => position.current.term,
    appliedIndex: () => position.current.index,
    beforeCommit: (put) => writePosition(put, position.current),
    afterCommit: ({ durationMs }) =>
      options.metrics.histograms.backendCommit.observe(durationMs / 1000),
  };
  const opened = await openStore(opening).catch(async (error: unknown) => {
    await closeDisk(disk);
    throw error;
  });
  try {
    const cluster = new Cluster({ id: log.clusterId, store: opened.buffered });
    await cluster.load();
    await checkBeforeServing(options, { disk, opened, cluster });
    return { options, disk, opened, opening, cluster, header, position };
  } catch (error) {
    await closeMember({ disk, opened });
    throw error;
  }
}

/** Makes the store durable, closes it and the log, and gives the directory free. */
export async function closeMember({
  disk,
  opened,
}: Pick<MemberParts, "disk" | "opened">): Promise<void> {
  try {
    opened.watchHub.close();
    await opened.store.close();
    await opened.buffered.close();
  } finally {
    await closeDisk(disk);
  }
}
