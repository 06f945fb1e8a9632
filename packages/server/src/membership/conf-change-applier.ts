import type { ApiErrorName } from "@kvorum/api";
import { type ConfChange, ConfChangeType } from "@kvorum/raft";
import type { Cluster } from "./cluster.js";
import { type MemberJson, memberFromJson } from "./member.js";

/** What applying a conf change came to; a refused one is applied to the core with node id 0. */
export type ConfChangeOutcome =
  | { readonly ok: true; readonly kind: "add" | "promote" | "remove" | "update" }
  | { readonly ok: false; readonly error: ApiErrorName };

/**
 * Checks a committed conf change against the members at hand, in etcd's order, and applies it to
 * them when it may. Depends on the entry and the members alone, so every member decides alike.
 */
export function applyConfChangeToCluster(
  cluster: Cluster,
  change: ConfChange,
  learnersMax: number,
): ConfChangeOutcome {
  const context =
    change.context.length > 0
      ? memberFromJson(Buffer.from(change.context).toString("utf8"))
      : undefined;
  if (cluster.isRemoved(change.nodeId)) return { ok: false, error: "memberNotFound" };
  switch (change.type) {
    case ConfChangeType.AddNode:
    case ConfChangeType.AddLearnerNode:
      return context?.isPromote === true
        ? promote(cluster, change)
        : add(cluster, change, context, learnersMax);
    case ConfChangeType.RemoveNode:
      if (cluster.member(change.nodeId) === undefined)
        return { ok: false, error: "memberNotFound" };
      cluster.remove(change.nodeId);
      return { ok: true, kind: "remove" };
    case ConfChangeType.UpdateNode:
      return update(cluster, change, context);
  }
}

function promote(cluster: Cluster, change: ConfChange): ConfChangeOutcome {
  const member = cluster.member(change.nodeId);
  if (member === undefined) return { ok: false, error: "memberNotFound" };
  if (!member.isLearner) return { ok: false, error: "memberNotLearner" };
  cluster.put({ ...member, isLearner: false });
  return { ok: true, kind: "promote" };
}

function add(
  cluster: Cluster,
  change: ConfChange,
  context: MemberJson | undefined,
  learnersMax: number,
): ConfChangeOutcome {
  if (cluster.member(change.nodeId) !== undefined) return { ok: false, error: "memberExists" };
  const peerUrls = context?.peerUrls ?? [];
  if (isTaken(cluster, peerUrls, undefined)) return { ok: false, error: "peerUrlExists" };
  const isLearner = change.type === ConfChangeType.AddLearnerNode;
  if (isLearner && cluster.learners().length + 1 > learnersMax) {
    return { ok: false, error: "tooManyLearners" };
  }
  cluster.put({
    id: change.nodeId,
    peerUrls,
    isLearner,
    name: context?.name ?? "",
    clientUrls: context?.clientUrls ?? [],
  });
  return { ok: true, kind: "add" };
}

function update(
  cluster: Cluster,
  change: ConfChange,
  context: MemberJson | undefined,
): ConfChangeOutcome {
  const member = cluster.member(change.nodeId);
  if (member === undefined) return { ok: false, error: "memberNotFound" };
  const peerUrls = context?.peerUrls ?? [];
  if (isTaken(cluster, peerUrls, member.id)) return { ok: false, error: "peerUrlExists" };
  cluster.put({ ...member, peerUrls });
  return { ok: true, kind: "update" };
}

function isTaken(cluster: Cluster, urls: readonly string[], but: bigint | undefined): boolean {
  return cluster
    .members()
    .some((member) => member.id !== but && member.peerUrls.some((url) => urls.includes(url)));
}
