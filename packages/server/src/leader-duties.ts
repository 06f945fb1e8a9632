import { etcdserverpb, ProposalField } from "@kvorum/api";
import type { MainRevision, MemberId } from "@kvorum/base";
import type { OpenedStore } from "./boot/open-store.js";
import { AutoCompactor } from "./compaction/auto-compactor.js";
import type { Consensus } from "./consensus/consensus.js";
import { proposeOnce } from "./consensus/propose-once.js";
import { CorruptionMonitor } from "./corruption/corruption-monitor.js";
import { askPeerHashes } from "./corruption/peer-hashes.js";
import { LeaseCheckpointer } from "./lease/lease-checkpointer.js";
import { LeaseExpirer } from "./lease/lease-expirer.js";
import type { MemberOptions } from "./member-options.js";
import type { Cluster } from "./membership/cluster.js";

export interface LeaderDutiesOptions {
  readonly id: MemberId;
  readonly member: MemberOptions;
  readonly opened: OpenedStore;
  readonly cluster: Cluster;
  readonly consensus: Consensus;
}

/** What runs from time to time on whichever member leads, and changes things through the log. */
export interface LeaderDuties {
  readonly expirer: LeaseExpirer;
  stop(): void;
}

/** Starts them; each looks by itself whether this member leads. */
export function wireLeaderDuties(options: LeaderDutiesOptions): LeaderDuties {
  const { id, member, opened, cluster, consensus } = options;
  const { clock, logger, peerClient } = member;
  const { proposer, node } = consensus;
  const isLeader = () => node.isLeader;
  const expirer = new LeaseExpirer({ proposer, clock, opened, isLeader });
  const checkpointer =
    member.leaseCheckpoints === undefined
      ? undefined
      : new LeaseCheckpointer({ proposer, clock, opened });
  const compactor = wireAutoCompactor(options);
  const corruption = new CorruptionMonitor({
    id,
    member,
    opened,
    consensus,
    askPeers: askPeerHashes({
      id,
      clusterId: cluster.id,
      peerClient,
      logger,
      members: () => cluster.members(),
      timeoutMs: consensus.requestTimeoutMs,
    }),
  });
  return {
    expirer,
    stop() {
      expirer.stop();
      checkpointer?.stop();
      compactor?.stop();
      corruption.stop();
    },
  };
}

function wireAutoCompactor(options: LeaderDutiesOptions): AutoCompactor | undefined {
  const { member, opened, consensus } = options;
  const { clock, logger, autoCompaction: auto } = member;
  if (auto === undefined || auto.mode === "off") return undefined;
  return new AutoCompactor({
    auto,
    clock,
    logger,
    isLeader: () => consensus.node.isLeader,
    currentRevision: () => opened.store.currentRevision,
    compact: async (revision: MainRevision) => {
      const request = etcdserverpb.CompactionRequest.encode({ revision, physical: false }).finish();
      await proposeOnce(consensus.proposer, ProposalField.compaction, request);
    },
  });
}
