import { assert, hexId, type LogIndex, type MemberId, utf8 } from "@kvorum/base";
import {
  type ConfChange,
  ConfChangeType,
  decodeConfChange,
  type Entry,
  EntryType,
  encodeConfChange,
  type HardState,
} from "@kvorum/raft";
import { memberToJson } from "../membership/member.js";
import type { Logger } from "../observe/logger.js";
import type { OpenedRaftLog } from "./open-log.js";

/** Peer URL of a member that adds itself to its own log. Source: etcd CreateConfigChangeEnts. */
const OWN_PEER_URL = "http://localhost:2380";

/**
 * --force-new-cluster: makes this member the only one of its cluster, by conf changes that it writes
 * into its log as committed, without asking anybody. What was never known to be committed is
 * dropped. Without the other members nobody else can decide that; when they still run, the cluster
 * is split in two.
 *
 * ```
 *  before  | committed ... commit | never known to be committed |
 *  after   | committed ... commit | remove 2 | remove 3 |          commit moves to the end
 * ```
 * @param consistentIndex what the engine has is committed, whatever the log says
 * @throws StorageError when the log can't be written
 */
export async function forceNewCluster(
  log: OpenedRaftLog,
  { consistentIndex, logger }: { readonly consistentIndex: LogIndex; readonly logger: Logger },
): Promise<OpenedRaftLog> {
  const commit = Math.max(log.hardState.commit, consistentIndex);
  const committed = log.entries.filter(({ index }) => index <= commit);
  if (committed.length < log.entries.length) {
    logger.info("discarding uncommitted WAL entries", {
      "entry-index": commit + 1,
      "commit-index-from-wal": log.hardState.commit,
      "number-of-discarded-entries": log.entries.length - committed.length,
    });
  }
  const changes = changesToSelf(log, membersOf(log, committed), commit);
  const hardState: HardState = { ...log.hardState, commit: commit + changes.length };
  await log.wal.append(hardState, changes, { sync: true });
  logger.info("forcing restart member", {
    "cluster-id": hexId(log.clusterId),
    "local-member-id": hexId(log.memberId),
    "wal-commit-index": log.hardState.commit,
    "commit-index": hardState.commit,
  });
  return { ...log, hardState, entries: [...committed, ...changes] };
}

/** Ids of voters and learners after the committed entries, ascending. */
function membersOf(log: OpenedRaftLog, committed: readonly Entry[]): MemberId[] {
  const { voters = [], learners = [] } = log.confState ?? {};
  const ids = new Set<MemberId>([...voters, ...learners]);
  for (const { type, data } of committed) {
    if (type !== EntryType.ConfChange) continue;
    const change = decodeConfChange(type, data);
    // Joint changes have entries of another type, and no member proposes any.
    assert(change !== undefined && "type" in change, "a conf change entry holds a conf change");
    if (change.type === ConfChangeType.RemoveNode) ids.delete(change.nodeId);
    else if (change.type !== ConfChangeType.UpdateNode) ids.add(change.nodeId);
  }
  return [...ids].sort((left, right) => (left < right ? -1 : 1));
}

/** This member first, so that the configuration is never empty; then the others go. */
function changesToSelf(log: OpenedRaftLog, ids: readonly MemberId[], commit: LogIndex): Entry[] {
  const self = log.memberId;
  const context = new Uint8Array(0);
  const changes: Omit<ConfChange, "id">[] = ids
    .filter((id) => id !== self)
    .map((nodeId) => ({ type: ConfChangeType.RemoveNode, nodeId, context }));
  if (!ids.includes(self)) {
    const member = { id: self, peerUrls: [OWN_PEER_URL], isLearner: false };
    const json = memberToJson({ ...member, name: "", clientUrls: [] });
    changes.unshift({ type: ConfChangeType.AddNode, nodeId: self, context: utf8(json) });
  }
  const { term } = log.hardState;
  return changes.map((change, i) => ({
    term,
    index: commit + 1 + i,
    ...encodeConfChange({ id: 0n, ...change }),
  }));
}
