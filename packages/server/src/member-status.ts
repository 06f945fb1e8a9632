import { apiErrorText, etcdserverpb } from "@kvorum/api";
import type { RawNode } from "@kvorum/raft";
import type { Alarms } from "./apply/alarms.js";
import type { ApplyLoop } from "./apply/apply-loop.js";
import { etcdVersion } from "./config/version.js";
import type { AlarmName } from "./http/node-health.js";
import type { Cluster } from "./membership/cluster.js";
import type { Quota } from "./quota.js";
import type { StatusFacts } from "./rpc/maintenance.js";

/** What Maintenance.Status says of this member. */
export function statusFacts(from: {
  readonly node: RawNode;
  readonly applyLoop: ApplyLoop;
  readonly alarms: Alarms;
  readonly cluster: Cluster;
  readonly quota: Quota;
  readonly size: { readonly sizeBytes: number; readonly sizeInUseBytes: number };
  readonly storageVersion: string;
}): StatusFacts {
  const { node, applyLoop, alarms, cluster, quota, size } = from;
  return {
    version: etcdVersion,
    dbSize: size.sizeBytes,
    leader: node.leader,
    raftIndex: node.committedIndex,
    raftTerm: applyLoop.appliedTerm,
    raftAppliedIndex: applyLoop.appliedIndex,
    errors: [
      ...(node.leader === 0n ? [apiErrorText("noLeader")] : []),
      ...alarms
        .list()
        .map(({ memberID, alarm }) => `memberID:${memberID} alarm:${alarmName(alarm)}`),
    ],
    dbSizeInUse: size.sizeInUseBytes,
    isLearner: node.isLearner,
    storageVersion: from.storageVersion,
    dbSizeQuota: quota.quotaBytes,
    downgradeInfo: cluster.downgrade,
  };
}

export function alarmName(alarm: etcdserverpb.AlarmType): AlarmName {
  switch (alarm) {
    case etcdserverpb.AlarmType.NOSPACE:
      return "NOSPACE";
    case etcdserverpb.AlarmType.CORRUPT:
      return "CORRUPT";
    default:
      return "UNKNOWN";
  }
}
