import { etcdserverpb, ProposalField } from "@kvorum/api";
import type { MainRevision } from "@kvorum/base";
import type { OpenedStore } from "./boot/open-store.js";
import { AutoCompactor } from "./compaction/auto-compactor.js";
import type { Consensus } from "./consensus/consensus.js";
import { proposeOnce } from "./consensus/propose-once.js";
import { LeaseExpirer } from "./lease/lease-expirer.js";
import type { MemberOptions } from "./member-options.js";

export interface LeaderDutiesOptions {
  readonly member: MemberOptions;
  readonly opened: OpenedStore;
  readonly consensus: Consensus;
}

/** What runs from time to time on whichever member leads, and changes things through the log. */
export interface LeaderDuties {
  readonly expirer: LeaseExpirer;
  stop(): void;
}

export function wireLeaderDuties(options: LeaderDutiesOptions): LeaderDuties {
  const { member, opened, consensus } = options;
  const { clock } = member;
  const { proposer, node } = consensus;
  const isLeader = () => node.isLeader;
  const expirer = new LeaseExpirer({ proposer, clock, opened, isLeader });
  const compactor = wireAutoCompactor(options);
  return {
    expirer,
    stop() {
      expirer.stop();
      compactor?.stop();
    },
  };
}

function wireAutoCompactor(options: LeaderDutiesOptions): AutoCompactor | undefined {
  const { member, opened, consensus } = options;
  const { clock, logger, autoCompaction: auto } = member;
  if (auto === undefined || auto.mode === "off") return undefined;
  return new AutoCompactor({
    ...{ auto, clock, logger },
    isLeader: () => consensus.node.isLeader,
    currentRevision: () => opened.store.currentRevision,
    compact: async (revision: MainRevision) => {
      const request = etcdserverpb.CompactionRequest.encode({ revision, physical: false }).finish();
      await proposeOnce(consensus.proposer, ProposalField.compaction, request);
    },
  });
}
