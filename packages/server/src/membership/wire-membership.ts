import type { MemberId } from "@kvorum/base";
import { etcdVersion } from "../config/version.js";
import type { Consensus } from "../consensus/consensus.js";
import type { ProposalIds } from "../consensus/proposal-ids.js";
import { proposeInternal } from "../consensus/propose-once.js";
import type { MemberOptions } from "../member-options.js";
import type { Cluster } from "./cluster.js";
import { ConfChanges } from "./conf-changes.js";
import { Downgrades } from "./downgrades.js";
import type { Member } from "./member.js";
import { Membership } from "./membership-service.js";
import type { Peers } from "./peers.js";
import { Publisher } from "./publisher.js";
import { VersionMonitor } from "./version-monitor.js";

/** A member must have been connected this long to count. Source: etcd HealthInterval. */
const HEALTH_INTERVAL_MS = 5_000;

export interface MembershipWiring {
  readonly member: MemberOptions;
  readonly id: MemberId;
  readonly cluster: Cluster;
  readonly consensus: Consensus;
  readonly ids: ProposalIds;
  readonly peers: Peers;
  readonly storageVersion: () => string;
  readonly setStorageVersion: (version: string) => void;
}

/** What changes and watches over the cluster's membership and versions. */
export interface MembershipParts {
  readonly changes: ConfChanges;
  readonly membership: Membership;
  readonly publisher: Publisher;
  readonly versions: VersionMonitor;
  readonly downgrades: Downgrades;
}

/** Puts them together; the version monitor and the downgrades begin to look from time to time. */
export function wireMembership(wiring: MembershipWiring): MembershipParts {
  const { member, id, cluster, consensus, ids, peers } = wiring;
  const { clock, logger } = member;
  const { node, proposer } = consensus;
  const { requestTimeoutMs } = consensus;
  const changes = new ConfChanges({
    node,
    ids,
    clock,
    timeoutMs: requestTimeoutMs,
    wake: () => consensus.wake(),
  });
  const publisher = new Publisher({ proposer, ids, clock });
  const connectedFor = (other: MemberId): number => {
    if (other === id) return Number.POSITIVE_INFINITY;
    const since = peers.connectedSinceMs(other);
    return since === undefined ? -1 : clock.nowMs() - since;
  };
  const membership = new Membership({
    cluster,
    changes,
    node,
    clock,
    logger,
    requestTimeoutMs,
    isStrict: member.strictReconfigCheck,
    health: () => ({
      members: cluster.members(),
      isConnected: (other) => connectedFor(other) >= HEALTH_INTERVAL_MS,
      isActive: (other) => connectedFor(other) >= 0,
    }),
    onPromotionFailed: (reason) => member.metrics.labelled.promoteFailures.cell(reason).value++,
    promoteAtLeader: (other, token) => peers.promoteAtLeader(other, token),
  });
  const shared = {
    cluster,
    clock,
    logger,
    isLeader: () => node.isLeader,
    serverVersionOf: async (other: Member) =>
      other.id === id ? etcdVersion : await peers.serverVersionOf(other),
  };
  const downgrades = new Downgrades({
    ...shared,
    catchUp: () =>
      new Promise((resolve, reject) => {
        consensus.reads.wait({ ready: resolve, failed: reject });
      }),
    propose: async ({ enabled, targetVersion: ver }) => {
      await proposeInternal({ proposer, ids }, { downgradeInfoSet: { enabled, ver } });
    },
    checkIntervalMs: member.downgradeCheckIntervalMs ?? 0,
  });
  const versions = new VersionMonitor({
    ...shared,
    setClusterVersion: (version) => publisher.setClusterVersion(version),
    storageVersion: wiring.storageVersion,
    setStorageVersion: wiring.setStorageVersion,
  });
  return { changes, membership, publisher, versions, downgrades };
}
