import { describe, expect, it } from "vitest";
import { changeConfiguration } from "./conf-change.js";
import { noConfState, normalizeConfState } from "./conf-state.js";
import {
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
} from "./types.js";

const context = new Uint8Array(0);
const { Auto, JointExplicit, JointImplicit } = ConfChangeTransition;

function change(text: string, transition: ConfChangeTransition = Auto): ConfChangeV2 {
  const types = { v: 0, r: 1, u: 2, l: 3 } as const;
  const words = text.split(" ").filter((word) => word !== "");
  const changes = words.map((word): ConfChangeSingle => {
    return { type: types[word[0] as "v"], nodeId: BigInt(word.slice(1)) };
  });
  return { transition, changes, context };
}

const config = (parts: Partial<ConfState>): ConfState => ({ ...noConfState, ...parts });
const three = config({ voters: [1n, 2n, 3n] });

describe("simple changes", () => {
  it("adds, promotes, demotes and removes one member", () => {
    const added = changeConfiguration(three, change("l4"));
    expect(added).toEqual(config({ voters: [1n, 2n, 3n], learners: [4n] }));
    const promoted = changeConfiguration(added, change("v4"));
    expect(promoted).toEqual(config({ voters: [1n, 2n, 3n, 4n] }));
    const demoted = changeConfiguration(promoted, change("l1"));
    expect(demoted).toEqual(config({ voters: [2n, 3n, 4n], learners: [1n] }));
    expect(changeConfiguration(demoted, change("r1"))).toEqual(config({ voters: [2n, 3n, 4n] }));
  });

  it("changes nothing for known members, unknown ones, updates and node 0", () => {
    for (const text of ["v2", "r9", "u2", "v0", "r0"]) {
      expect(changeConfiguration(three, change(text))).toEqual(three);
    }
    const learner = config({ voters: [1n], learners: [2n] });
    expect(changeConfiguration(learner, change("l2"))).toEqual(learner);
  });

  it("takes a ConfChange of version 1", () => {
    const v1 = { id: 7n, type: ConfChangeType.AddNode, nodeId: 4n, context };
    expect(changeConfiguration(three, v1).voters).toEqual([1n, 2n, 3n, 4n]);
  });

  it("never leaves a group without voters", () => {
    const one = config({ voters: [1n] });
    expect(() => changeConfiguration(one, change("r1"))).toThrow("removed all voters");
    expect(() => changeConfiguration(one, change("l1 l2"))).toThrow("removed all voters");
  });
});

describe("joint configurations", () => {
  it("keeps the old voters until it is left, and learners of theirs waiting", () => {
    const joint = changeConfiguration(three, change("l3 r2 v4 l5"));
    expect(joint).toEqual({
      voters: [1n, 4n],
      votersOutgoing: [1n, 2n, 3n],
      learners: [5n],
      learnersNext: [3n],
      autoLeave: true,
    });
    expect(changeConfiguration(joint, change(""))).toEqual(
      config({ voters: [1n, 4n], learners: [3n, 5n] }),
    );
  });

  it("is entered for one change too when asked", () => {
    expect(changeConfiguration(three, change("v4", JointExplicit))).toMatchObject({
      votersOutgoing: [1n, 2n, 3n],
      autoLeave: false,
    });
    expect(changeConfiguration(three, change("v4", JointImplicit)).autoLeave).toBe(true);
  });

  it("is neither entered twice nor left when not in it", () => {
    const joint = changeConfiguration(three, change("v4 v5"));
    expect(() => changeConfiguration(joint, change("v6"))).toThrow("already joint");
    expect(() => changeConfiguration(three, change(""))).toThrow("can't leave");
    expect(() => changeConfiguration(noConfState, change("v1 v2"))).toThrow("zero-voter");
  });
});

it("sorts a configuration from disk", () => {
  const stored = config({ voters: [3n, 1n, 2n], learners: [9n, 4n] });
  expect(normalizeConfState(stored)).toEqual(config({ voters: [1n, 2n, 3n], learners: [4n, 9n] }));
});
