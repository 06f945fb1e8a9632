import type { MemberId } from "@kvorum/base";
import { jointVote, majorityVote } from "../quorum.js";
import type { Host } from "./host.js";

/**
 * Whether none of `hosts` leads and none could win an election, however long they wait.
 *
 * That may happen, here as in etcd's raft, where a configuration is in force once it is applied and
 * not, as in the thesis, once it is in the log. A leader that applied its own removal may lose touch
 * before the others hear that this was committed. They still need its vote; it refuses it, as it
 * has appended more; and it may not campaign itself.
 */
export function canNobodyLead(hosts: readonly Host[]): boolean {
  return !hosts.some((host) => host.node.isLeader || couldWin(host, hosts));
}

function couldWin(candidate: Host, hosts: readonly Host[]): boolean {
  const { voters, votersOutgoing } = candidate.confState;
  if (!voters.includes(candidate.id) && !votersOutgoing.includes(candidate.id)) return false;
  const grants = new Set<MemberId>(
    hosts.filter((host) => !isLongerThan(host, candidate)).map(({ id }) => id),
  );
  const isGranted = (id: MemberId): boolean => grants.has(id);
  const incoming = majorityVote(voters, isGranted);
  return jointVote(incoming, majorityVote(votersOutgoing, isGranted)) === "won";
}

/** Whether `host` refuses its vote to `other` for the sake of its log (Raft paper, 5.4.1). */
function isLongerThan(host: Host, other: Host): boolean {
  const [term, otherTerm] = [lastTermOf(host), lastTermOf(other)];
  return term > otherTerm || (term === otherTerm && host.node.lastIndex > other.node.lastIndex);
}

function lastTermOf({ node }: Host): number {
  return node.termAt(node.lastIndex) ?? 0;
}
