import { createPrng } from "@kvorum/base";
import { describe, expect, it } from "vitest";
import { jointVote, majorityValue, majorityVote, type VoteResult } from "./quorum.js";

/** By definition: the largest value that more than half have reached. */
function slowMajority(values: readonly number[]): number {
  const reached = (value: number): number => values.filter((other) => other >= value).length;
  return Math.max(...values.filter((value) => reached(value) * 2 > values.length));
}

describe("majorityValue", () => {
  it("equals the definition on random groups", () => {
    const prng = createPrng(7);
    for (let round = 0; round < 2_000; round++) {
      const values = Array.from({ length: 1 + prng.below(9) }, () => prng.below(10));
      expect(majorityValue([...values]), `${values}`).toBe(slowMajority(values));
    }
  });

  it("doesn't bind an empty group", () => {
    expect(majorityValue([])).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("majorityVote", () => {
  const result = (...votes: (boolean | undefined)[]): VoteResult =>
    majorityVote([...votes.keys()], (voter) => votes[voter]);

  it("waits only as long as the missing votes matter", () => {
    expect(result(true, undefined, undefined)).toBe("pending");
    expect(result(true, true, undefined)).toBe("won");
    expect(result(false, false, undefined)).toBe("lost");
    expect(result(true, false, undefined)).toBe("pending");
    expect(result(true, true, false, false)).toBe("lost");
    expect(result(true, true, false, undefined)).toBe("pending");
    expect(result()).toBe("won");
  });

  it("needs both groups of a joint configuration", () => {
    expect(jointVote("won", "won")).toBe("won");
    expect(jointVote("won", "pending")).toBe("pending");
    expect(jointVote("pending", "lost")).toBe("lost");
  });
});
