import { type ApiError, apiError, etcdserverpb } from "@kvorum/api";
import { nodeClock } from "@kvorum/base/node";
import { etcdVersion } from "./config/version.js";
import { processDebugVars } from "./http/debug-vars.js";
import type { NodeHealth } from "./http/node-health.js";
import type { Member } from "./member.js";
import { alarmName } from "./member-status.js";
import { openFilesLimit } from "./observe/process-metrics.js";

const PROBE: etcdserverpb.RangeRequest = {
  ...etcdserverpb.RangeRequest.decode(new Uint8Array(0)),
  key: Buffer.from("health"),
};

/** What the HTTP pages ask, answered by a member. */
export function healthOf(
  member: Member,
  options: { readonly commandLine: readonly string[]; readonly metricsText: () => Promise<string> },
): NodeHealth {
  const { consensus, store: opened, cluster } = member;
  const { node, reads } = consensus;
  return {
    alarms: () => opened.alarms.list().map(({ alarm }) => alarmName(alarm)),
    hasLeader: () => node.leader !== 0n,
    isLearner: () => node.isLearner,
    serializableRead: async () => {
      await opened.store.range(PROBE);
    },
    linearizableRead: (timeoutMs) =>
      new Promise((resolve, reject) => {
        const timer = nodeClock.after(timeoutMs, () => reject(apiError("timeout")));
        reads.wait({
          ready() {
            timer.clear();
            resolve();
          },
          failed(error: ApiError) {
            timer.clear();
            reject(error);
          },
        });
      }),
    versions: () => ({
      server: etcdVersion,
      cluster: cluster.version === "" ? undefined : cluster.version,
      storage: member.maintenance.storageVersion() || undefined,
    }),
    metricsText: options.metricsText,
    debugVars: () => ({
      ...processDebugVars(options.commandLine, { fileDescriptorLimit: openFilesLimit() }),
      "raft.status": raftStatus(member),
    }),
  };
}

/** The status of the core in the form of etcd's raft library. */
function raftStatus(member: Member): Readonly<Record<string, unknown>> {
  const status = member.consensus.node.status();
  const hex = (id: bigint) => id.toString(16);
  const roles = {
    follower: "StateFollower",
    "pre-candidate": "StatePreCandidate",
    candidate: "StateCandidate",
    leader: "StateLeader",
  };
  const progress = [...status.progress].map(([id, { match, next, state }]) => [
    hex(id),
    { match, next, state: `Progress${state.charAt(0).toUpperCase()}${state.slice(1)}` },
  ]);
  return {
    id: hex(status.id),
    term: status.hardState.term,
    vote: hex(status.hardState.vote),
    commit: status.hardState.commit,
    lead: hex(status.softState.leader),
    raftState: roles[status.softState.role],
    applied: status.applied,
    progress: Object.fromEntries(progress),
    leadtransferee: hex(status.leadTransferee),
  };
}
