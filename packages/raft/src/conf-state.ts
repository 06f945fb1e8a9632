import type { MemberId } from "@kvorum/base";
import type { ConfState } from "./types.js";

/** The configuration of a member that knows of none: it waits for a leader to tell it. */
export const noConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** A configuration as stored or received, with every list sorted. */
export function normalizeConfState(config: ConfState): ConfState {
  return {
    voters: sortedIds(config.voters),
    learners: sortedIds(config.learners),
    votersOutgoing: sortedIds(config.votersOutgoing),
    learnersNext: sortedIds(config.learnersNext),
    autoLeave: config.autoLeave,
  };
}

/** Ascending and without repetition. */
export function sortedIds(ids: readonly MemberId[]): readonly MemberId[] {
  return [...new Set(ids)].sort((left, right) => (left < right ? -1 : 1));
}
