import { etcdVersion } from "./config/version.js";
import type { Member } from "./member.js";
import type { NodeFacts } from "./observe/metrics.js";
import type { NodeFigures } from "./observe/node-figures.js";

/** The single numbers of the metrics page, from the counters of the member's parts. */
export function figuresOf(member: Member): NodeFigures {
  const { consensus, store: opened, grpc, quota } = member;
  const { node, proposer, reads } = consensus;
  const store = opened.store.stat();
  const size = opened.buffered.stat();
  const watch = opened.watchHub.counters;
  const leases = opened.lessor.counters;
  const proposals = proposer.stat();
  const transport = grpc.stat();
  const counts = member.counts();
  const flag = (value: boolean) => (value ? 1 : 0);
  return {
    authRevision: opened.auth.revision,
    leasesGranted: leases.granted,
    leasesRenewed: leases.renewed,
    leasesRevoked: leases.revoked,
    leasesExpired: counts.expiredLeases,
    compactRevision: store.compactRevision,
    currentRevision: store.currentRevision,
    compactedKeys: store.compactedRecords,
    lastCompactionSeconds: Math.floor(store.lastCompactionMs / 1000),
    putBytes: store.putBytes,
    events: watch.eventsSent,
    keys: store.keys,
    pendingEvents: watch.pendingEvents,
    slowWatchers: watch.slowWatchers,
    watchStreams: watch.streams,
    watchers: watch.watchers,
    defragsInflight: flag(member.maintenance.isDefragmenting),
    walWriteBytes: counts.walWriteBytes,
    dbSizeBytes: size.sizeBytes,
    dbSizeInUseBytes: size.sizeInUseBytes,
    deletes: store.deletes,
    puts: store.puts,
    ranges: store.ranges,
    txns: store.txns,
    clientReceivedBytes: transport.receivedBytes,
    clientSentBytes: transport.sentBytes,
    hasLeader: flag(node.leader !== 0n),
    isLeader: flag(node.isLeader),
    isLearner: flag(node.isLearner),
    leaderChanges: counts.leaderChanges,
    heartbeatSendFailures: counts.lateHeartbeats,
    learnerPromotions: counts.learnerPromotions,
    proposalsApplied: member.applyLoop.appliedIndex,
    proposalsCommitted: node.committedIndex,
    proposalsFailed: proposals.failed,
    proposalsPending: proposals.pending,
    quotaBytes: quota.quotaBytes,
    readIndexesFailed: reads.failedRounds,
    readIndexesSlow: reads.slowRounds,
    slowApplies: counts.slowApplies,
    snapshotApplies: counts.snapshotsInstalling,
  };
}

/** What the metrics page says in words; before the member has started, only the versions. */
export function factsOf(member: Member | undefined, runtimeVersion: string): NodeFacts {
  const version = member?.cluster.version ?? "";
  return {
    serverVersion: etcdVersion,
    runtimeVersion,
    memberId: member?.id.toString(16),
    clusterVersion: version === "" ? undefined : version.replace(/\.0$/, ""),
  };
}
