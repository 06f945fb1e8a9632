import { assert, type MemberId, unreachable } from "@kvorum/base";
import { sortedIds } from "./conf-state.js";
import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
} from "./types.js";

/**
 * The configuration after `change`.
 *
 * ```
 *   simple ---- one change, transition Auto ----------------> simple
 *   simple ---- several changes, or a joint transition -----> joint
 *   joint ----- the empty change ---------------------------> simple
 * ```
 *
 * A simple change alters the voters by at most one, so that old and new majorities overlap. A joint
 * configuration keeps the old voters as `votersOutgoing`; a voter that becomes a learner waits in
 * `learnersNext` until that group is gone (Raft thesis, section 4).
 * A change that doesn't fit the configuration breaks an invariant: it was checked when proposed.
 */
export function changeConfiguration(
  config: ConfState,
  change: ConfChange | ConfChangeV2,
): ConfState {
  const { transition, changes } = toV2(change);
  if (leavesJoint(change)) return leaveJoint(config);
  assert(!isJoint(config), "config is already joint");
  if (transition !== ConfChangeTransition.Auto || changes.length > 1) {
    assert(config.voters.length > 0, "can't make a zero-voter config joint");
    const autoLeave = transition !== ConfChangeTransition.JointExplicit;
    const joint = { ...config, votersOutgoing: config.voters, autoLeave };
    return applyAll(joint, changes);
  }
  return applyAll(config, changes);
}

function applyAll(config: ConfState, changes: readonly ConfChangeSingle[]): ConfState {
  const changed = changes.reduce(applySingle, config);
  assert(changed.voters.length > 0, "removed all voters");
  return changed;
}

/** Whether two majorities decide: a change of several members is under way (Raft thesis, 4.3). */
export function isJoint(config: ConfState): boolean {
  return config.votersOutgoing.length > 0;
}

/** The empty change: the only one that a joint configuration accepts. */
export function leavesJoint(change: ConfChange | ConfChangeV2): boolean {
  const { transition, changes } = toV2(change);
  return transition === ConfChangeTransition.Auto && changes.length === 0;
}

/** The form that can hold several changes; a single one becomes it. */
export function toV2(change: ConfChange | ConfChangeV2): ConfChangeV2 {
  if ("changes" in change) return change;
  return {
    transition: ConfChangeTransition.Auto,
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  };
}

function leaveJoint(config: ConfState): ConfState {
  assert(isJoint(config), "can't leave a non-joint config");
  return {
    voters: config.voters,
    learners: sortedIds([...config.learners, ...config.learnersNext]),
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
}

function applySingle(config: ConfState, change: ConfChangeSingle): ConfState {
  const id = change.nodeId;
  // The host puts 0 in place of a member when it decides not to carry out a change.
  if (id === 0n) return config;
  switch (change.type) {
    case ConfChangeType.AddNode: {
      const rest = without(config, id);
      return { ...rest, voters: sortedIds([...rest.voters, id]) };
    }
    case ConfChangeType.AddLearnerNode: {
      if (config.learners.includes(id)) return config;
      const rest = without(config, id);
      return rest.votersOutgoing.includes(id)
        ? { ...rest, learnersNext: sortedIds([...rest.learnersNext, id]) }
        : { ...rest, learners: sortedIds([...rest.learners, id]) };
    }
    case ConfChangeType.RemoveNode:
      return without(config, id);
    case ConfChangeType.UpdateNode:
      return config;
    default:
      return unreachable(change.type);
  }
}

function without(config: ConfState, id: MemberId): ConfState {
  const others = (ids: readonly MemberId[]): readonly MemberId[] => ids.filter((x) => x !== id);
  return {
    ...config,
    voters: others(config.voters),
    learners: others(config.learners),
    learnersNext: others(config.learnersNext),
  };
}
