import type { ApplyLoop } from "../apply/apply-loop.js";
import type { MemberParts } from "../boot/open-member.js";
import type { Peers } from "../membership/peers.js";
import { timedSnapStore } from "../storage/snap/timed-snap-store.js";
import type { Consensus } from "./consensus.js";
import { LogCompactor } from "./log-compactor.js";
import { SnapshotTaker } from "./snapshot-taker.js";

export interface SnapshotsWiring {
  readonly parts: MemberParts;
  readonly consensus: Consensus;
  readonly applyLoop: ApplyLoop;
  readonly peers: Peers;
}

/** Both sides of a snapshot: what lets the log be short, and what takes the leader's. */
export interface SnapshotParts {
  readonly compactor: LogCompactor;
  readonly taker: SnapshotTaker;
}

/** Puts them together; the compactor begins to look for files to remove. */
export function wireSnapshots(wiring: SnapshotsWiring): SnapshotParts {
  const { parts, consensus, applyLoop, peers } = wiring;
  const { options, disk, opened, opening, cluster, position } = parts;
  const { fs, engine, logger } = options;
  const { log, dataDir, backend } = disk;
  const compactor = new LogCompactor(
    {
      member: options,
      node: consensus.node,
      wal: log.wal,
      snaps: timedSnapStore(options, dataDir.snapDirectory),
      isPersistent: backend.capabilities.persistent,
      isLogNeeded: () => peers.needsLog(),
      flush: () => opened.buffered.flush(),
      applied: () => position.current,
      confState: () => consensus.node.status().confState,
      membership: () => ({
        members: cluster.members(),
        removed: cluster.removed(),
        clusterVersion: cluster.version === "" ? undefined : cluster.version,
      }),
    },
    log.compacted.index,
  );
  const taker = new SnapshotTaker({
    place: { fs, engine, dataDir },
    opened,
    opening,
    cluster,
    logger,
    applyLoop,
    compactor,
    onPosition: (taken) => {
      position.current = taken;
    },
    onMembers: () => peers.membersChanged(cluster.members()),
  });
  return { compactor, taker };
}
