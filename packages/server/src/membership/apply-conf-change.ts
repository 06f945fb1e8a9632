import type { Clock, MemberId } from "@kvorum/base";
import type { ConfChange, RawNode } from "@kvorum/raft";
import type { OpenedStore } from "../boot/open-store.js";
import { writeConfState } from "../boot/position.js";
import type { Logger } from "../observe/logger.js";
import type { Cluster } from "./cluster.js";
import { applyConfChangeToCluster } from "./conf-change-applier.js";
import type { ConfChanges } from "./conf-changes.js";
import { logConfChange } from "./log-conf-change.js";
import type { Peers } from "./peers.js";

/** How long a removed member goes on. Source: etcd. */
const REMOVED_STOP_DELAY_MS = 1_000;

export interface ApplyConfChangeOptions {
  readonly id: MemberId;
  readonly cluster: Cluster;
  readonly opened: OpenedStore;
  readonly node: RawNode;
  readonly changes: ConfChanges;
  readonly peers: Peers;
  readonly learnersMax: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** This member was removed: it should stop now. */
  readonly onRemoved: () => void;
}

/** A committed conf change, applied to the members, the core, the store and the connections. */
export function applyConfChange(options: ApplyConfChangeOptions, change: ConfChange): void {
  const { id, cluster, opened, node, changes, peers, clock, logger, onRemoved } = options;
  const before = cluster.member(change.nodeId);
  const outcome = applyConfChangeToCluster(cluster, change, options.learnersMax);
  // A refused change is an empty one to the core, so that every member goes on alike.
  const state = node.applyConfChange(outcome.ok ? change : { ...change, nodeId: 0n });
  writeConfState((bucket, key, value) => opened.buffered.put(bucket, key, value), state);
  const after = cluster.member(change.nodeId);
  const local = { clusterId: cluster.id, memberId: id };
  logConfChange(logger, local, { change, outcome, before, after });
  changes.applied(change.id, outcome);
  peers.membersChanged(cluster.members());
  if (outcome.ok && outcome.kind === "remove" && change.nodeId === id) {
    // The others learn of it from this member's last messages before it stops.
    logger.info("the member has been permanently removed from the cluster");
    clock.after(REMOVED_STOP_DELAY_MS, onRemoved);
  }
}
