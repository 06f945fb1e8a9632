import type { OpenedDisk } from "../boot/open-disk.js";
import type { OpenedStore } from "../boot/open-store.js";
import type { MemberOptions } from "../member-options.js";
import type { Cluster } from "../membership/cluster.js";
import { requestTimeoutMsOf } from "../timing.js";
import { checkInitially } from "./initial-check.js";
import { askPeerHashes } from "./peer-hashes.js";

/**
 * Feature InitialCorruptCheck, on a member that has been started before.
 * @throws Error when another member has different data
 */
export async function checkBeforeServing(
  options: MemberOptions,
  { disk, opened, cluster }: Opened,
): Promise<void> {
  if (options.corruptionChecks?.initial !== true || !disk.dataDir.hasWal) return;
  const { logger, peerClient } = options;
  const { memberId: id, clusterId } = disk.log;
  const timeoutMs = requestTimeoutMsOf(options);
  const members = () => cluster.members();
  await checkInitially({
    id,
    timeoutMs,
    logger,
    hashKv: (revision) => opened.store.hashKv(revision),
    askPeers: askPeerHashes({ id, clusterId, members, peerClient, timeoutMs, logger }),
  });
}

interface Opened {
  readonly disk: OpenedDisk;
  readonly opened: OpenedStore;
  readonly cluster: Cluster;
}
