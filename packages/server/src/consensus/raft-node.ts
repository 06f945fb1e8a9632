import type { LogIndex, MemberId } from "@kvorum/base";
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

/** Members change one at a time, so no configuration is ever joint. */
export function confStateOf(
  members: readonly { readonly id: MemberId; readonly isLearner: boolean }[],
): ConfState {
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
