export type VoteResult = "won" | "lost" | "pending";

/**
 * The largest value that a majority has reached: the value at position n - (n/2 + 1) of the sorted
 * list. An empty majority has no say: Infinity.
 * @param values changed by the call: sorted ascending.
 */
export function majorityValue(values: number[]): number {
  const count = values.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  // Groups have few voters, for which insertion is the fastest sort.
  for (let i = 1; i < count; i++) {
    const value = values[i]!;
    let slot = i - 1;
    while (slot >= 0 && values[slot]! > value) {
      values[slot + 1] = values[slot]!;
      slot--;
    }
    values[slot + 1] = value;
  }
  return values[count - ((count >> 1) + 1)]!;
}

/** The outcome of a vote in one majority; undefined is a voter that hasn't answered. */
export function majorityVote<Id>(
  voters: readonly Id[],
  voteOf: (voter: Id) => boolean | undefined,
): VoteResult {
  let granted = 0;
  let missing = 0;
  for (const voter of voters) {
    const vote = voteOf(voter);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const quorum = voters.length === 0 ? 0 : (voters.length >> 1) + 1;
  if (granted >= quorum) return "won";
  return granted + missing >= quorum ? "pending" : "lost";
}

/** Both majorities of a joint configuration have to agree. */
export function jointVote(incoming: VoteResult, outgoing: VoteResult): VoteResult {
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}
