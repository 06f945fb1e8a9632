import type { LogIndex, MemberId, Term } from "@kvorum/base";
import { type ConfState, createRawNode, type RawNode, type Snapshot } from "@kvorum/raft";
import type { OpenedRaftLog } from "../boot/open-log.js";
import { serverLimits } from "../limits.js";
import type { MemberOptions } from "../member-options.js";
import { electionTicksOf } from "../timing.js";

/** The core over the log that was found, with etcd's parameters. */
export function openRaftNode(options: {
  readonly member: MemberOptions;
  readonly log: OpenedRaftLog;
  readonly consistentIndex: LogIndex;
  /** From the bucket "members": what has been applied up to `consistentIndex`. */
  readonly confState: ConfState;
  readonly snapshot: () => Snapshot | undefined;
}): RawNode {
  const { member, log } = options;
  return createRawNode({
    id: log.memberId,
    electionTicks: electionTicksOf(member),
    heartbeatTicks: 1,
    preVote: member.preVote,
    checkQuorum: true,
    messageBytesMax: serverLimits.raftMessageBytesMax,
    inflightMessagesMax: serverLimits.raftInflightMessagesMax,
    inflightBytesMax: 0,
    uncommittedBytesMax: 0,
    committedBytesMax: serverLimits.raftCommittedBytesMax,
    disableForwarding: false,
    prng: member.prng,
    hardState: log.hardState,
    confState: options.confState,
    compacted: log.compacted,
    entries: log.entries,
    applied: options.consistentIndex,
    snapshot: options.snapshot,
    log: (level, message) => member.logger[level](message),
  });
}

/**
 * What the core sends a follower that fell behind what the log still holds: a position alone, since
 * the store's content is taken when it is sent.
 */
export function snapshotAt(
  { index, term }: { readonly index: LogIndex; readonly term: Term },
  members: readonly RaftMember[],
): Snapshot {
  return { metadata: { index, term, confState: confStateOf(members) }, data: new Uint8Array(0) };
}

interface RaftMember {
  readonly id: MemberId;
  readonly isLearner: boolean;
}

/** Members change one at a time, so no configuration is ever joint. */
export function confStateOf(members: readonly RaftMember[]): ConfState {
  const ids = (isLearner: boolean) =>
    members.filter((member) => member.isLearner === isLearner).map(({ id }) => id);
  return {
    voters: ids(false),
    learners: ids(true),
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}
