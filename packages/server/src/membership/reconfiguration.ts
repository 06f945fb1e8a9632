import type { ApiErrorName } from "@kvorum/api";
import type { MemberId } from "@kvorum/base";
import type { Member } from "./member.js";

/** What the strict checks look at: the members, and how long each has been connected. */
export interface ClusterHealth {
  readonly members: readonly Member[];
  /** Whether a member is this one, or has been connected for the last 5 seconds. */
  readonly isConnected: (id: MemberId) => boolean;
  /** Whether a member is this one, or is connected now. */
  readonly isActive: (id: MemberId) => boolean;
}

/**
 * --strict-reconfig-check: refuses a change after which the cluster could not make decisions.
 * @returns the error, or undefined when the change may be made. Source: etcd's membership rules.
 */
export function checkAdd(
  { members, isConnected }: ClusterHealth,
  { isLearner }: { readonly isLearner: boolean },
): ApiErrorName | undefined {
  const voters = members.filter((member) => !member.isLearner);
  const started = voters.filter(isStarted).length;
  const quorumAfter = quorum(voters.length + 1);
  const isFirstToGrow = voters.length === 1 && started === 1;
  if (!isLearner && !isFirstToGrow && started < quorumAfter) return "notEnoughStarted";
  // The new member counts as down.
  if (voters.length > 1) {
    const connected = voters.filter(({ id }) => isConnected(id)).length;
    if (connected < quorumAfter) return "unhealthy";
  }
  return undefined;
}

/** Why removing `id` would leave too few voters; undefined: it would not. Learners always may go. */
export function checkRemove(
  { members, isConnected, isActive }: ClusterHealth,
  id: MemberId,
): ApiErrorName | undefined {
  const target = members.find((member) => member.id === id);
  if (target === undefined || target.isLearner) return undefined;
  const voters = members.filter((member) => !member.isLearner);
  const remaining = voters.filter((member) => member.id !== id);
  if (remaining.filter(isStarted).length < quorum(remaining.length)) return "notEnoughStarted";
  // A member that is down already takes no vote with it.
  if (!isActive(id)) return undefined;
  const connected = voters.filter((member) => isConnected(member.id)).length;
  return connected - 1 < 1 + Math.floor((voters.length - 1) / 2) ? "unhealthy" : undefined;
}

/** Why one voter more would be one too many for those that have started. */
export function checkPromote({ members }: ClusterHealth): ApiErrorName | undefined {
  const voters = members.filter((member) => !member.isLearner);
  const started = voters.filter(isStarted).length;
  return started + 1 < quorum(voters.length + 1) ? "notEnoughStarted" : undefined;
}

function isStarted(member: Member): boolean {
  return member.name !== "";
}

function quorum(voters: number): number {
  return Math.floor(voters / 2) + 1;
}
