import { hexId, type MemberId } from "@kvorum/base";
import type { FollowerProgress } from "./progress.js";
import { type ConfChangeSingle, ConfChangeType, type ConfState } from "./types.js";

/** As etcd logs it, ids in hexadecimal: "voters=(1 2 3)&&(1 2) learners=(4) autoleave". */
export function describeConfState(config: ConfState): string {
  const outgoing = config.votersOutgoing.length > 0 ? `&&${list(config.votersOutgoing)}` : "";
  const learners = config.learners.length > 0 ? ` learners=${list(config.learners)}` : "";
  const next = config.learnersNext.length > 0 ? ` learners_next=${list(config.learnersNext)}` : "";
  const autoLeave = config.autoLeave ? " autoleave" : "";
  return `voters=${list(config.voters)}${outgoing}${learners}${next}${autoLeave}`;
}

/** As etcd logs it: "StateProbe match=3 next=4 paused". */
export function describeProgress(progress: FollowerProgress): string {
  const { inflights } = progress;
  const parts = [
    `State${progress.state[0]!.toUpperCase()}${progress.state.slice(1)}`,
    `match=${progress.match}`,
    `next=${progress.next}`,
  ];
  if (progress.isLearner) parts.push("learner");
  if (progress.paused) parts.push("paused");
  if (progress.pendingSnapshot > 0) parts.push(`pendingSnap=${progress.pendingSnapshot}`);
  if (!progress.recentActive) parts.push("inactive");
  if (inflights.count > 0) {
    parts.push(`inflight=${inflights.count}${inflights.full ? "[full]" : ""}`);
  }
  return parts.join(" ");
}

/** As etcd logs conf changes: "v1 l2 r3 u4". */
export function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map((change) => `${letterOf(change.type)}${change.nodeId}`).join(" ");
}

function letterOf(type: ConfChangeType): string {
  switch (type) {
    case ConfChangeType.AddNode:
      return "v";
    case ConfChangeType.AddLearnerNode:
      return "l";
    case ConfChangeType.RemoveNode:
      return "r";
    default:
      return "u";
  }
}

function list(ids: readonly MemberId[]): string {
  return `(${ids.map(hexId).join(" ")})`;
}
